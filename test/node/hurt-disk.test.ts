// Real processes on a real file system that fails while they write: two who chat, and a mailbox that keeps mail. Nothing is accepted, and
// they say so; all of them go on by themselves when it is well again; and what was accepted is there, once.

import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultyTrio } from '../support/faulty-trio.ts'
import { LeftMail } from '../support/left-mail.ts'

const MIB = 1024 * 1024

/** So much that a mailbox is content: in memory, and only what is written takes any. */
const ROOM = 600 * MIB

/** What is left of it for those who write. */
const LEFT = 1_500_000

/** Of texts: enough of them fill a log in a second or two, and then files are opened. */
const LONG = 16_000

/** Fewer than any of them has open. */
const DESCRIPTORS = 25

/** Enough for a program to begin with, and too few for a node. */
const FEW = 50

let trio: FaultyTrio
let mail: LeftMail

beforeAll(async () => {
  trio = await FaultyTrio.begin(ROOM)
  const { up, addresses } = trio.up('box')
  mail = await LeftMail.begin(up, addresses)
}, 120_000)

afterAll(async () => {
  await mail.end()
  await trio.end()
})

function work(length: number): void {
  const { up, addresses } = trio.up('box')
  mail.leave(up, addresses)
  trio.talk(length)
}

async function rest(): Promise<void> {
  trio.quiet()
  await mail.quiet()
}

/** All of them have met it, say so, and can still be asked. `failing`: what the mailbox finds, with what the system calls it. */
async function meet(
  problem: string,
  code: string,
  failing: Readonly<Record<string, string>>,
): Promise<void> {
  for (const one of trio.people) {
    const { refused, lines } = trio.said(one.name)
    await trio.until(() => refused.size > 0)
    expect([...refused.keys()]).toEqual([`${code} 9`])
    const { store, history } = await trio.report(one)
    expect(store?.problem).toBe(problem)
    expect(lines).toEqual([problem])
    expect(history.length).toBeGreaterThan(0)
  }
  const { lines } = trio.said('box')
  const fails = ([check, why]: readonly [string, string]): boolean =>
    lines.some((line) => line.includes(`"check.failed","check":"${check}"`) && line.includes(why))
  await trio.until(() => Object.entries(failing).every(fails))
  expect(await trio.isReady()).toBe(false)
  const { refused } = mail
  await trio.until(() => mail.refused > refused)
}

/** All of them accept again, and say so. */
async function recover(problem: string): Promise<void> {
  const promised = mail.promised.size
  for (const one of trio.people) {
    const { accepted, lines } = trio.said(one.name)
    const { size } = accepted
    await trio.until(() => accepted.size > size + 3)
    expect(lines).toEqual([problem, 'well'])
    expect((await trio.report(one)).store).toBeNull()
  }
  await trio.until(() => mail.promised.size > promised + 3)
  await trio.until(() => trio.isReady())
  await rest()
  await isThere()
  for (const { name } of [...trio.people, trio.box]) trio.forget(name)
}

async function isThere(): Promise<void> {
  await trio.until(async () => (await trio.missing()).length === 0)
  expect(await trio.odd()).toEqual([])
}

describe('two who chat, and a mailbox', () => {
  test('whose folders become read-only', async () => {
    work(LONG)
    await trio.disk.makeReadOnly()
    await meet('read-only', 'STORE_UNAVAILABLE', { disk: 'EROFS', store: 'write' })
    await trio.disk.makeWritable()
    await recover('read-only')
  }, 120_000)

  test('who may open no more files, while others connect', async () => {
    work(LONG)
    const all = [...trio.people, trio.box]
    for (const one of all) await trio.limit(one, DESCRIPTORS)
    const callers = all.flatMap(({ name }) => Array.from({ length: 20 }, () => call(name)))
    await meet('too-many-files', 'STORE_UNAVAILABLE', { disk: 'EMFILE' })
    for (const caller of callers) caller.destroy()
    for (const one of all) await trio.limit(one, 1024)
    await recover('too-many-files')
    for (const { name } of all) expect(await answer(name)).toContain('/multistream/1.0.0')
  }, 120_000)

  test('on a disk that fills up', async () => {
    await trio.disk.shrink(LEFT)
    work(0)
    await meet('full', 'DISK_FULL', { store: 'write' })
    await trio.disk.resize(ROOM)
    await recover('full')
  }, 120_000)

  test('stop on a full disk, do not start on it, nor with few files, and miss nothing afterwards', async () => {
    await trio.disk.shrink(LEFT)
    work(0)
    await meet('full', 'DISK_FULL', { store: 'write' })
    await rest()
    const all = [trio.box, ...trio.people]
    expect(await Promise.all(all.map((one) => one.stop()))).toEqual([0, 0, 0])
    expect(await trio.ada.fail()).toBe('DISK_FULL')
    await trio.disk.resize(ROOM)
    expect(await trio.bob.fail(['prlimit', `--nofile=${FEW}:${FEW}`])).toBe('STORE_UNAVAILABLE')
    await Promise.all(all.map((one) => one.start()))
    for (const { name } of all) expect(trio.up(name)).toMatchObject({ recovery: null, damaged: 0 })
    await isThere()
    const { up, addresses } = trio.up('box')
    const found = [...(await mail.fetch(up, addresses)).values()]
    expect(new Set(found).size).toBe(found.length)
    expect([...mail.promised].filter((text) => !found.includes(text))).toEqual([])
  }, 120_000)
})

/** Somebody who connects and says nothing. */
function call(name: string): ReturnType<typeof connect> {
  const [, , host = '', , port = ''] = (trio.up(name).addresses[0] ?? '').split('/')
  return connect(Number(port), host).on('error', () => undefined)
}

/** What somebody is answered who greets as a peer does. */
async function answer(name: string): Promise<string> {
  const caller = call(name)
  caller.write('\x13/multistream/1.0.0\n')
  let heard = ''
  await new Promise<void>((resolve) => {
    caller.setEncoding('utf8').on('data', (text: string) => {
      heard += text
      if (heard.endsWith('\n')) resolve()
    })
    caller.once('close', () => resolve())
  })
  caller.destroy()
  return heard
}
