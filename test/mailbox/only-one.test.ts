import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { hostMailbox } from '../../mailbox/index.ts'
import type { MailboxHost } from '../../mailbox/index.ts'

let dir = ''
const endings: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sotto-one-'))
  onComputer('first')
})
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
  await rm(dir, { recursive: true, force: true })
  vi.unstubAllEnvs()
})

/** Two computers do not see each other's sockets. */
function onComputer(name: string): void {
  vi.stubEnv('XDG_RUNTIME_DIR', join(dir, name))
}

async function host(name: string, announce?: readonly string[]): Promise<MailboxHost> {
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const profile = { dir: join(dir, name) }
  const running = await hostMailbox({ profile, listen, ...(announce && { announce }) })
  endings.push(() => running.stop())
  return running
}

/** A mailbox that runs, and a copy of its folder. */
async function copied(): Promise<MailboxHost> {
  await (await host('box')).stop()
  await cp(join(dir, 'box'), join(dir, 'copy'), { recursive: true })
  return await host('box')
}

test('a copy on the same computer does not start, and is told where the other is; then it does', async () => {
  const running = await copied()
  const refused = { code: 'ERR_ELSEWHERE', dir: join(dir, 'box') }
  await expect(host('copy')).rejects.toMatchObject(refused)
  await expect(host('copy')).rejects.toMatchObject(refused) // its folder was closed
  await running.stop()
  expect((await host('copy')).peer).toBe(running.peer)
})

test('a copy on another computer does not start while the mailbox answers at its public address', async () => {
  const running = await copied()
  const announce = running.addresses.map((address) => address.replace(/\/p2p\/.*/, ''))
  onComputer('second')
  await expect(host('copy', announce)).rejects.toMatchObject({ code: 'ERR_ELSEWHERE' })
  const other = await host('other') // somebody else at the address is no copy
  const theirs = other.addresses.map((address) => address.replace(/\/p2p\/.*/, ''))
  await (await host('copy', theirs)).stop()
  await running.stop()
  expect((await host('copy', announce)).peer).toBe(running.peer)
})

test('what a process that was killed has left, or no place for a socket, keeps nobody out', async () => {
  await (await host('box')).stop()
  await host('box').then((running) => running.stop())
  expect(await readdir(join(dir, 'first'))).toEqual([]) // nothing is left of what ended well
  const running = await host('box')
  const [name = ''] = await readdir(join(dir, 'first', 'sotto'))
  await running.stop()
  await mkdir(join(dir, 'first', 'sotto'), { mode: 0o700 })
  await writeFile(join(dir, 'first', 'sotto', name), '')
  await (await host('box')).stop()
  onComputer('x'.repeat(100))
  await (await host('box')).stop()
  await writeFile(join(dir, 'full'), '')
  onComputer('full')
  await (await host('box')).stop()
})
