/** Where secrets are, where they go, and whether any is left over. */
import { expect, vi } from 'vitest'
import { Secret } from '../../protocol/secret.ts'

/**
 * What `run` returns. Whatever secret it used is in the result, belongs to one of the owners, or has been wiped; the same
 * when it throws.
 */
export function expectNothingLeft<T>(run: () => T, owners: unknown): T {
  const used = new Set<Secret>()
  const { reveal } = Secret
  Secret.reveal = (secret) => {
    used.add(secret)
    return reveal(secret)
  }
  let result: T | undefined
  try {
    result = run()
    return result
  } finally {
    Secret.reveal = reveal
    const kept = secretsIn([result, owners])
    const left = [...used].filter((secret) => !kept.has(secret) && !isWiped(secret))
    expect(left).toEqual([])
    // What is printed in the place of a secret is its name.
    expect([...used].filter(({ name }) => name === '')).toEqual([])
  }
}

export function isWiped(secret: Secret): boolean {
  try {
    Secret.reveal(secret)
    return false
  } catch {
    return true
  }
}

/** Every secret that can be reached from a value. */
export function secretsIn(value: unknown, found = new Set<Secret>()): Set<Secret> {
  if (value instanceof Secret) found.add(value)
  else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) secretsIn(part, found)
  }
  return found
}

/** What `run` returns, and the names of the secrets that were wiped meanwhile. */
export function wipedBy<T>(run: () => T): { readonly result: T; readonly names: string[] } {
  const names: string[] = []
  const { wipe } = Secret.prototype
  const spy = vi.spyOn(Secret.prototype, 'wipe').mockImplementation(function (this: Secret) {
    names.push(this.name)
    wipe.call(this)
  })
  try {
    return { result: run(), names }
  } finally {
    spy.mockRestore()
  }
}
