import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { protectHome, protectionAt } from '../../net/platform/home-identity.ts'
import { createHome, openHome } from '../../net/platform/home.ts'
import { fileKeyHex } from '../../net/platform/identity-codec.ts'
import { readKeyFile } from '../../net/platform/key-file.ts'
import { secretService } from '../../net/platform/key-store-linux.ts'
import { macKeychain } from '../../net/platform/key-store-macos.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { KeyStore } from '../../net/platform/key-store.ts'

const work = { memoryKiB: 8 * 1024, passes: 1, lanes: 1 }

beforeAll(() => ready)

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-keys-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** A platform's tool that keeps secrets in files, and writes down how it was called. */
async function tool(name: string, script: string) {
  const dir = await folder()
  await writeFile(join(dir, name), `#!/bin/sh\ncd '${dir}'\necho "$@" >> called\n${script}`, {
    mode: 0o755,
  })
  vi.stubEnv('PATH', `${dir}${delimiter}${process.env['PATH'] ?? ''}`)
  onTestFinished(() => void vi.unstubAllEnvs())
  return { dir, called: () => readFile(join(dir, 'called'), 'utf8') }
}

const SECRET_TOOL = `
for id; do :; done
case "$1" in
  store) cat > "entry-$id" ;;
  lookup) [ -e broken ] && { echo 'no session' >&2; exit 1; }; [ -e "entry-$id" ] || exit 1; cat "entry-$id" ;;
  clear) rm -f "entry-$id" ;;
esac
`

const SECURITY = `
case "$1" in
  -i) read -r command update flag id service name word key
      [ -e broken ] && { echo 'User interaction is not allowed.' >&2; exit 0; }
      [ "$command" = add-generic-password ] && echo "$key" > "entry-$id" ;;
  find-generic-password) [ -e broken ] && exit 36; [ -e "entry-$3" ] || exit 44; cat "entry-$3" ;;
  delete-generic-password) rm -f "entry-$3" ;;
esac
`

describe.each([
  ['secret-tool', SECRET_TOOL, secretService],
  ['security', SECURITY, macKeychain],
] as const)('the key store by %s', (name, script, make) => {
  test('keeps, finds and removes a key that never stands among the arguments', async () => {
    const fake = await tool(name, script)
    const store: KeyStore = make()
    const key = importSecret('FileKey', random(32))
    const digits = fileKeyHex(key)
    await store.put('0a', key)
    expect(fileKeyHex(await store.get('0a'))).toBe(digits)
    await expect(store.get('0b')).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
    await store.remove('0a')
    await expect(store.get('0a')).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
    const called = await fake.called()
    expect(called.split('\n').length).toBeGreaterThan(4)
    expect(called).not.toContain(digits.slice(0, 8))
  })

  test('says when it cannot be asked', async () => {
    const fake = await tool(name, script)
    const key = importSecret('FileKey', random(32))
    await make().put('0a', key)
    await writeFile(join(fake.dir, 'broken'), '')
    await expect(make().get('0a')).rejects.toMatchObject({ code: 'ERR_NO_KEY_STORE' })
    await rm(join(fake.dir, 'broken'))
    await writeFile(join(fake.dir, 'entry-0a'), 'no key')
    await expect(make().get('0a')).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
    vi.stubEnv('PATH', join(fake.dir, 'nothing'))
    await expect(make().get('0a')).rejects.toMatchObject({ code: 'ERR_NO_KEY_STORE' })
  })

  test('opens a folder, and forgets its key when that is protected in another way', async () => {
    const fake = await tool(name, script)
    const keyStore = make()
    const dir = join(await folder(), 'home')
    const { account, ...made } = await createHome(dir, { keyStore })
    expect(made.protection).toBe('key-store')
    await made.close()
    const again = await openHome(dir, { keyStore })
    expect(again.account.key).toEqual(account.key)
    await again.close()
    const stolen = await readFile(join(dir, 'identity.sealed'))
    expect(await protectHome(dir, { keyStore }, { passphrase: 'right', work })).toBe('passphrase')
    await (await openHome(dir, { unlock: async () => 'right' })).close()
    await writeFile(join(dir, 'identity.sealed'), stolen)
    await expect(openHome(dir, { keyStore })).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
    expect(await fake.called()).not.toMatch(/[0-9a-f]{64}/)
  })
})

test('a key file opens a folder; without it, with another, or where it is exposed, nothing does', async () => {
  const dir = await folder()
  const [home, keyFile] = [join(dir, 'home'), join(dir, 'key')]
  const inside = createHome(home, { keyFile: join(home, 'key') })
  await expect(inside).rejects.toMatchObject({ code: 'ERR_KEY_EXPOSED' })
  const first = await createHome(home, { keyFile })
  expect(first.protection).toBe('key-file')
  await first.close()
  expect((await stat(keyFile)).mode & 0o777).toBe(0o600)
  await (await openHome(home, { keyFile })).close()
  expect(await protectionAt(home)).toBe('key-file')

  await expect(openHome(home)).rejects.toMatchObject({ code: 'ERR_NO_KEY_FILE' })
  const code = async (path: string): Promise<unknown> =>
    openHome(home, { keyFile: path }).then(
      () => 'opened',
      (cause: unknown) => cause instanceof Error && 'code' in cause && cause.code,
    )
  expect(await code(join(dir, 'none'))).toBe('ERR_NO_KEY_FILE')
  const other = join(dir, 'other')
  await (await createHome(join(dir, 'another'), { keyFile: other })).close()
  expect(await code(other)).toBe('ERR_BAD_KEY')
  await writeFile(other, 'sotto key 1\nnot a key\n', { mode: 0o600 })
  expect(await code(other)).toBe('ERR_BAD_KEY')
  await chmod(keyFile, 0o604)
  expect(await code(keyFile)).toBe('ERR_KEY_EXPOSED')
  await chmod(keyFile, 0o400)
  expect(await code(keyFile)).toBe('opened')
})

test('one key file serves several folders', async () => {
  const dir = await folder()
  const keyFile = join(dir, 'key')
  for (const name of ['a', 'b']) await (await createHome(join(dir, name), { keyFile })).close()
  for (const name of ['a', 'b']) await (await openHome(join(dir, name), { keyFile })).close()
})

test('a protection that cannot be had changes nothing; one that can keeps account and data key', async () => {
  const dir = await folder()
  const [home, keyFile] = [join(dir, 'home'), join(dir, 'key')]
  const first = await createHome(home)
  const { key } = first.account
  await first.store.put('a', Uint8Array.of(1))
  const before = await readFile(join(home, 'identity.sealed'))
  await expect(protectHome(home, {}, { passphrase: '' })).rejects.toMatchObject({
    code: 'ERR_BAD_PASSPHRASE',
  })
  await mkdir(join(dir, 'bin'))
  vi.stubEnv('PATH', join(dir, 'bin'))
  onTestFinished(() => void vi.unstubAllEnvs())
  const nowhere = protectHome(home, {}, { keyStore: secretService() })
  await expect(nowhere).rejects.toMatchObject({ code: 'ERR_NO_KEY_STORE' })
  expect(await readFile(join(home, 'identity.sealed'))).toEqual(before)

  // While it is open.
  expect(await protectHome(home, {}, { keyFile })).toBe('key-file')
  await first.close()
  const again = await openHome(home, { keyFile })
  expect(equalBytes(again.account.key, key)).toBe(true)
  expect((await again.store.get('a'))?.[0]).toBe(1)
  await again.close()
  await expect(protectHome(home, {}, {})).rejects.toMatchObject({ code: 'ERR_NO_KEY_FILE' })
  expect(await protectHome(home, { keyFile }, {})).toBe('none')
  await (await openHome(home)).close()
})

test('a file that says it is a key is one of exactly that form', async () => {
  const path = join(await folder(), 'key')
  const digits = 'ab'.repeat(32)
  for (const [text, isKey] of [
    [`sotto key 1\n${digits}\n`, true],
    [`sotto key 1\n${digits}`, true],
    [`sotto key 1\n${digits.toUpperCase()}\n`, false],
    [`sotto key 1\n${digits}00\n`, false],
    [`sotto key 2\n${digits}\n`, false],
    [digits, false],
    ['', false],
  ] as const) {
    await writeFile(path, text, { mode: 0o600 })
    const read = readKeyFile(path).then(
      () => true,
      () => false,
    )
    expect(await read, text).toBe(isKey)
  }
})
