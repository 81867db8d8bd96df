import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { crc32c } from '../../net/platform/crc32c.ts'
import { HomeError } from '../../net/platform/home-error.ts'
import { damagedTables, noteTables } from '../../net/platform/level-tables.ts'
import { utf8 } from '../../protocol/bytes.ts'

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sotto-tables-'))
})

afterEach(() => rm(dir, { recursive: true, force: true }))

/** Some tables, made and replaced as a database does it. */
async function fill(): Promise<readonly string[]> {
  const level = new Level<string, Uint8Array>(dir, { valueEncoding: 'view', compression: false })
  for (let round = 0; round < 3; round++) {
    await level.open()
    for (let at = 0; at < 40; at++) {
      await level.put(`key ${round % 3} ${at}`, new Uint8Array(900).fill(round))
    }
    await level.close()
  }
  await level.open() // what is in the log becomes a table
  await level.close()
  return (await readdir(dir)).filter((name) => name.endsWith('.ldb')).toSorted()
}

async function flip(name: string, at: number): Promise<void> {
  const bytes = await readFile(join(dir, name))
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
  await writeFile(join(dir, name), bytes)
}

test('CRC-32C is that of RFC 3720', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at))).toBe(0x46dd794e)
  expect(crc32c(utf8('123456789'))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array())).toBe(0)
})

test('tables as they were written are whole, and so is no database', async () => {
  expect(await damagedTables(dir)).toEqual([])
  expect((await fill()).length).toBeGreaterThan(1)
  expect(await damagedTables(dir)).toEqual([])
})

test('a bit anywhere but in the padding is found, also where a table is cut', async () => {
  const tables = await fill()
  const [name = ''] = tables
  const number = Number(name.slice(0, 6))
  const sound = await readFile(join(dir, name))
  const padding = { from: sound.length - 48, to: sound.length - 8 }
  const unseen: number[] = []
  for (let at = 0; at < sound.length; at += at < padding.from - 400 ? 211 : 1) {
    await flip(name, at)
    const isFound = (await found()).includes(number)
    if (!isFound && (at < padding.from || at >= padding.to)) unseen.push(at)
    await writeFile(join(dir, name), sound)
  }
  expect(unseen).toEqual([])
  for (const length of [sound.length - 1, 10]) {
    await truncate(join(dir, name), length)
    await expect(damagedTables(dir)).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
  }

  async function found(): Promise<readonly number[]> {
    return await damagedTables(dir).catch((cause: unknown) => {
      if (!(cause instanceof HomeError)) throw cause
      return [number]
    })
  }
})

test('a manifest that ends in the middle of an edit names the tables all the same', async () => {
  const [name = ''] = await fill()
  await flip(name, 300)
  const manifest = (await readFile(join(dir, 'CURRENT'), 'utf8')).trim()
  const length = 900 // and nothing of it
  await appendFile(join(dir, manifest), Uint8Array.of(0, 0, 0, 0, length & 0xff, length >> 8, 1, 7))
  expect(await damagedTables(dir)).toEqual([Number(name.slice(0, 6))])
})

test('a table that is known is not told of again, and others are', async () => {
  const [first = '', second = ''] = await fill()
  await flip(first, 100)
  const [number = 0] = await damagedTables(dir)
  await noteTables(dir, [number])
  expect(await damagedTables(dir)).toEqual([])
  await flip(second, 100)
  expect(await damagedTables(dir)).toEqual([Number(second.slice(0, 6))])
  await noteTables(dir, await damagedTables(dir))
  expect(await damagedTables(dir)).toEqual([])
})

test('a table that the database does not use any more is not looked at', async () => {
  await fill()
  await writeFile(join(dir, '999999.ldb'), utf8('a crash has left it'))
  expect(await damagedTables(dir)).toEqual([])
})
