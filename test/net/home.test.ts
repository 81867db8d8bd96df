import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Key } from 'interface-datastore'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { hostMailbox } from '../../mailbox/index.ts'
import { createNode } from '../../node/index.ts'
import { homeExists } from '../../net/platform/home-identity.ts'
import { createHome, openHome } from '../../net/platform/home.ts'
import { memoryHome } from '../../net/platform/memory-home.ts'
import { Records } from '../../net/records.ts'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const HOLDER = fileURLToPath(new URL('../support/hold-home.ts', import.meta.url))

/** The least that is accepted: the tests are about the format, not about the work. */
const work = { memoryKiB: 8 * 1024, passes: 1, lanes: 1 }

let dir: string

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'sotto-home-')), 'alice')
})
afterEach(() => rm(join(dir, '..'), { recursive: true }))

describe('a folder', () => {
  test('is made once, and opened again with the same account and store', async () => {
    expect(await homeExists(dir)).toBe(false)
    const first = await createHome(dir)
    const account = toHex(first.account.key)
    const records = recordsOf(first)
    await records.commit([{ type: 'put', key: 'a', value: utf8('kept') }])
    await records.close()
    await first.close()
    expect(await homeExists(dir)).toBe(true)

    const second = await openHome(dir)
    expect(toHex(second.account.key)).toBe(account)
    expect(await recordsOf(second).get('a')).toEqual(utf8('kept'))
    expect(second.protection).toBe('none')
    await second.close()
    await expect(createHome(dir)).rejects.toMatchObject({ name: 'HomeError', code: 'ERR_EXISTS' })
  })

  test('that lost its identity is not given another one over what is stored', async () => {
    const home = await createHome(dir)
    const records = recordsOf(home)
    await records.commit([{ type: 'put', key: 'a', value: utf8('kept') }])
    await records.close()
    await home.close()
    const file = await readFile(join(dir, 'identity.sealed'))
    await rm(join(dir, 'identity.sealed'))
    await expect(openHome(dir, { create: {} })).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
    await writeFile(join(dir, 'identity.sealed'), file)
    const again = await openHome(dir)
    expect(await recordsOf(again).get('a')).toEqual(utf8('kept'))
    await again.close()
  })

  test('whose making was cut short can be made again', async () => {
    await (await createHome(dir)).close()
    await rm(join(dir, 'identity.sealed'))
    await (await createHome(dir)).close()
  })

  test('is not made by opening, unless that is asked for', async () => {
    await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    expect(await readdir(join(dir, '..'))).toEqual([])
    const home = await openHome(dir, { create: {} })
    await home.close()
  })

  test('lets nobody else in', async () => {
    const home = await createHome(dir)
    expect(await modeOf('')).toBe(0o700)
    expect(await modeOf('run')).toBe(0o700)
    expect(await modeOf('store')).toBe(0o700)
    expect(await modeOf('identity.sealed')).toBe(0o600)
    expect(await modeOf('run/pid')).toBe(0o600)
    await home.close()
    await chmod(dir, 0o755)
    await chmod(join(dir, 'identity.sealed'), 0o644)
    for (const name of ['store', 'run']) await chmod(join(dir, name), 0o777)
    await (await openHome(dir)).close()
    for (const name of ['', 'store', 'run']) expect(await modeOf(name)).toBe(0o700)
    expect(await modeOf('identity.sealed')).toBe(0o600)
  })

  test('names its format, and refuses one that is newer or unreadable', async () => {
    await (await createHome(dir)).close()
    const format = join(dir, 'FORMAT')
    expect(await readFile(format, 'utf8')).toBe('sotto-data 1\n')
    await writeFile(format, 'sotto-data 2\nsotto 9.9\n')
    await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_NEWER_FORMAT' })
    for (const text of ['', 'sotto-data\n', 'sotto-data 0\n', 'x'.repeat(1000)]) {
      await writeFile(format, text)
      await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
    }
    await rm(format)
    await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
  })

  test('is open in one process at a time, and tells which', async () => {
    await (await createHome(dir)).close()
    const child = fork(HOLDER, [dir])
    await once(child, 'message')
    await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_LOCKED', pid: child.pid })
    child.kill('SIGKILL')
    await once(child, 'exit')
    await (await openHome(dir)).close()
  })

  test('is not opened twice in one process either', async () => {
    const home = await createHome(dir)
    await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_LOCKED', pid: process.pid })
    await home.close()
    await (await openHome(dir)).close()
  })

  test('whose store is damaged says so', async () => {
    await (await createHome(dir)).close()
    await writeFile(join(dir, 'store', 'CURRENT'), 'nonsense')
    await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
  })

  test('remembers for libp2p in a corner of its own, also after the database was opened again', async () => {
    const home = await createHome(dir)
    const key = new Key('/peers/x')
    await home.datastore.put(key, Uint8Array.of(1))
    await home.reopen()
    expect([...(await home.datastore.get(key))]).toEqual([1])
    const found: string[] = []
    for await (const { key: name } of recordsOf(home).range('')) found.push(name)
    expect(found).toEqual([])
    await home.close()
  })
})

describe('a passphrase', () => {
  test('is asked for once, and opens', async () => {
    const home = await createHome(dir, { passphrase: 'correct horse', work })
    const account = toHex(home.account.key)
    expect(home.protection).toBe('passphrase')
    await home.close()
    let asked = 0
    const unlock = async () => {
      asked++
      return 'correct horse'
    }
    const again = await openHome(dir, { unlock })
    expect(toHex(again.account.key)).toBe(account)
    expect(asked).toBe(1)
    await again.close()
  })

  test('that is wrong costs nothing but the check', async () => {
    await (await createHome(dir, { passphrase: 'right', work })).close()
    const before = await readFile(join(dir, 'identity.sealed'))
    const wrong = { unlock: async () => 'wrong' }
    await expect(openHome(dir, wrong)).rejects.toMatchObject({ code: 'ERR_BAD_PASSPHRASE' })
    await expect(openHome(dir)).rejects.toMatchObject({ code: 'ERR_PASSPHRASE_NEEDED' })
    expect(await readFile(join(dir, 'identity.sealed'))).toEqual(before)
    await (await openHome(dir, { unlock: async () => utf8('right') })).close()
  })

  test('may not be empty or endless', async () => {
    for (const passphrase of ['', 'x'.repeat(1025)]) {
      const making = createHome(dir, { passphrase, work })
      await expect(making).rejects.toMatchObject({ code: 'ERR_BAD_PASSPHRASE' })
      expect(await homeExists(dir)).toBe(false)
    }
  })

  test('typed on another system is the same', async () => {
    await (await createHome(dir, { passphrase: 'caf\u00e9', work })).close()
    await (await openHome(dir, { unlock: async () => 'cafe\u0301' })).close()
  })

  test('that cannot be had is told as it is, and the folder is free again', async () => {
    await (await createHome(dir, { passphrase: 'right', work })).close()
    const refusal = Object.assign(new Error('nobody to ask'), { code: 'ENOENT' })
    const later = (): Promise<string> => Promise.reject(refusal)
    const atOnce = (): Promise<string> => {
      throw refusal
    }
    for (const unlock of [later, atOnce]) {
      await expect(openHome(dir, { unlock })).rejects.toBe(refusal)
      await expect(createNode({ profile: { dir }, unlock })).rejects.toBe(refusal)
      await expect(hostMailbox({ profile: { dir }, unlock })).rejects.toBe(refusal)
    }
    await (await openHome(dir, { unlock: async () => 'right' })).close()
  })

  test('is not asked for where there is none', async () => {
    await (await createHome(dir)).close()
    const unlock = () => Promise.reject(new Error('asked'))
    await (await openHome(dir, { unlock })).close()
  })
})

describe('an identity file', () => {
  test.each([
    ['bare', undefined, 'ERR_CORRUPT'],
    ['sealed', 'passphrase', 'ERR_BAD_PASSPHRASE'],
  ])('that is %s shows any damage', async (_, passphrase, code) => {
    await (await createHome(dir, { passphrase, work })).close()
    const path = join(dir, 'identity.sealed')
    const good = await readFile(path)
    const open = () => openHome(dir, { unlock: async () => passphrase ?? '' })
    for (const at of [good.length - 1, good.length - 70, good.length - 100]) {
      const bad = Uint8Array.from(good)
      bad[at] = (bad[at] ?? 0) ^ 1
      await writeFile(path, bad)
      await expect(open()).rejects.toMatchObject({ code })
    }
    for (const bad of [good.subarray(0, -1), [...good, 0], [], new Uint8Array(1000).fill(1)]) {
      await writeFile(path, Uint8Array.from(bad))
      await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
    }
    await writeFile(path, Uint8Array.of(2, ...good.subarray(1)))
    await expect(open()).rejects.toMatchObject({ code: 'ERR_NEWER_FORMAT' })
    await writeFile(path, good)
    await (await open()).close()
  })

  test('cannot ask for more memory, passes or lanes than there may be', async () => {
    await (await createHome(dir, { passphrase: 'passphrase', work })).close()
    const path = join(dir, 'identity.sealed')
    const good = await readFile(path)
    const refused = new DataView(new ArrayBuffer(4))
    for (const [at, value] of [
      [2, 1024 * 1024],
      [2, 1024],
      [6, 17],
      [6, 0],
    ] as const) {
      refused.setUint32(0, value)
      const bad = Uint8Array.from(good)
      bad.set(new Uint8Array(refused.buffer), at)
      await writeFile(path, bad)
      const unlock = () => Promise.reject(new Error('asked'))
      await expect(openHome(dir, { unlock })).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
    }
  })

  test('does not hold the secrets in the clear when there is a passphrase', async () => {
    const home = await createHome(dir, { passphrase: 'passphrase', work })
    const file = toHex(await readFile(join(dir, 'identity.sealed')))
    expect(file).not.toContain(toHex(home.account.key))
    expect(JSON.stringify(home)).not.toContain(toHex(home.account.key))
    await home.close()
  })
})

test('a home in memory works the same and leaves nothing', async () => {
  const home = await memoryHome()
  const records = recordsOf(home)
  await records.commit([{ type: 'put', key: 'a', value: utf8('x') }])
  expect(await records.get('a')).toEqual(utf8('x'))
  await home.datastore.put(new Key('/peers/x'), Uint8Array.of(1))
  expect(await home.datastore.has(new Key('/peers/x'))).toBe(true)
  await home.close()
  await expect(records.commit([{ type: 'put', key: 'b', value: utf8('y') }])).rejects.toThrow()
})

function recordsOf({ store, dataKey, reopen }: Awaited<ReturnType<typeof openHome>>): Records {
  const random = seededRandom('home')
  return new Records({ store, dataKey, clock: new ManualClock(), random, reopen })
}

async function modeOf(name: string): Promise<number> {
  return (await stat(join(dir, name))).mode & 0o777
}
