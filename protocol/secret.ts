// Secret bytes as a thing that cannot be printed, cloned or confused with another kind of secret.

const inspect = Symbol.for('nodejs.util.inspect.custom')

/** Bytes that must never be logged, compared with `===`, or outlive their one use. */
export class Secret<Name extends string = string> {
  readonly name: Name
  #bytes: Uint8Array | undefined

  /** Takes ownership of `bytes`: the caller must not keep another view of them. */
  constructor(name: Name, bytes: Uint8Array) {
    this.name = name
    this.#bytes = bytes
  }

  /** The one way out: a search for `reveal(` is the list that an auditor reads. */
  static reveal(secret: Secret): Uint8Array {
    if (secret.#bytes === undefined) throw new Error(`${secret.name} was wiped`)
    return secret.#bytes
  }

  /** Overwrites the bytes; every later use throws. JavaScript may still hold copies elsewhere. */
  wipe(): void {
    this.#bytes?.fill(0)
    this.#bytes = undefined
  }

  toJSON(): string {
    return `[${this.name}]`
  }

  toString(): string {
    return `[${this.name}]`
  }

  [inspect](): string {
    return `[${this.name}]`
  }
}

/** Wipes all of them; what is already wiped is left alone. */
export function wipeAll(secrets: Iterable<Secret>): void {
  for (const secret of secrets) secret.wipe()
}
