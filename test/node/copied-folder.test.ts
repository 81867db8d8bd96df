// A folder of a node that comes back as an older copy, or runs twice. The copy agrees with itself: what stands outside of it tells.

import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createNode } from '../../node/create-node.ts'
import type { Node } from '../../node/api.ts'

let base: string
let dir: string
const before = process.env['XDG_STATE_HOME']

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sotto-copied-'))
  dir = join(base, 'profile')
  process.env['XDG_STATE_HOME'] = join(base, 'state')
})

afterEach(async () => {
  process.env['XDG_STATE_HOME'] = before
  await rm(base, { recursive: true, force: true })
})

function start(folder = dir): Promise<Node> {
  return createNode({
    profile: { dir: folder },
    name: 'ada',
    network: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  })
}

test('an older copy of the whole folder is found by what stands outside of it', async () => {
  await (await start()).stop()
  await cp(dir, join(base, 'older'), { recursive: true })
  const node = await start()
  expect(node.status.recovery).toBeNull()
  await node.rotateKeys()
  await node.stop()
  expect((await stat(join(base, 'state/sotto/witness'))).mode & 0o777).toBe(0o700)
  await rm(dir, { recursive: true })
  await cp(join(base, 'older'), dir, { recursive: true })
  const again = await start()
  const { recovery } = again.status
  expect(recovery).toMatchObject({ reason: 'older', waiting: 0 })
  await again.stop()
  const last = await start()
  expect(last.status.recovery).toEqual(recovery)
  await last.stop()
})

test('a folder that comes from another computer is found', async () => {
  await (await start()).stop()
  const path = join(dir, 'witness')
  const bytes = await readFile(path)
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
  await writeFile(path, bytes)
  const node = await start()
  expect(node.status.recovery).toMatchObject({ reason: 'elsewhere' })
  await node.stop()
})

test('without a place outside of the folder a node starts all the same', async () => {
  process.env['XDG_STATE_HOME'] = '/dev/null/none'
  await (await start()).stop()
  const node = await start()
  expect(node.status.recovery).toBeNull()
  await node.stop()
})

test('a copy does not start while the one that it comes from runs here, and neither does the same folder', async () => {
  const node = await start()
  const filter = (path: string): boolean => path !== join(dir, 'run') // a socket
  await cp(dir, join(base, 'copy'), { recursive: true, filter })
  await expect(start(join(base, 'copy'))).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await expect(start()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await node.stop()
  const copy = await start(join(base, 'copy'))
  await copy.stop()
})
