import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { connectDaemon, type DaemonClient } from '../../daemon/client.ts'
import { findSocket } from '../../daemon/socket-path.ts'

const PROGRAM = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

interface Up {
  readonly nodes: readonly { readonly name: string; readonly home: string; readonly pid: number }[]
  readonly mailboxes: readonly { readonly pid: number }[]
}

async function start(...args: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'net-'))
  const child = spawn(process.execPath, [PROGRAM, '--json', 'testnet', 'up', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TMPDIR: folder },
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const [line]: unknown[] = await once(createInterface(child.stdout), 'line')
  const up: Up = JSON.parse(String(line))
  const stop = async (): Promise<unknown> => {
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    const [code]: unknown[] = await ended
    return code
  }
  return { up, stop, left: () => readdir(folder) }
}

async function open(home: string): Promise<DaemonClient> {
  const client = await connectDaemon(await findSocket(home))
  if (client === undefined) throw new Error('the node does not answer')
  return client
}

test('every node of a test network can send to every other', { timeout: 120_000 }, async () => {
  const { up, stop, left } = await start('--nodes', '4', '--mailboxes', '2')
  expect(up.nodes.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3', 'n4'])
  expect(up.mailboxes).toHaveLength(2)
  const nodes = await Promise.all(
    up.nodes.map(async (node) => ({ ...node, api: await open(node.home) })),
  )

  for (const from of nodes) {
    const { mailboxes } = await from.api.call('mailbox.list', {})
    expect(mailboxes).toHaveLength(1)
    for (const to of nodes) {
      if (to === from) continue
      const text = `${from.name} to ${to.name}`
      const sent = await from.api.call('message.send', {
        to: to.name,
        text,
        wait: 'delivered',
        timeout: 20_000,
      })
      expect(sent.state).toBe('delivered')
    }
  }
  for (const node of nodes) {
    for (const other of nodes) {
      if (other === node) continue
      const { messages } = await node.api.call('message.list', { contact: other.name })
      const texts = messages.map((entry) => entry.kind === 'text' && entry.text)
      expect(texts).toHaveLength(2)
      expect(texts).toContain(`${node.name} to ${other.name}`)
      expect(texts).toContain(`${other.name} to ${node.name}`)
    }
    await node.api.close()
  }

  expect(await stop()).toBe(130)
  const pids = [...up.nodes, ...up.mailboxes].map(({ pid }) => pid)
  expect(pids.filter(isAlive)).toEqual([])
  expect(await left()).toEqual([])
})

test(
  'a test network in a folder of its own comes back with the same people',
  { timeout: 120_000 },
  async () => {
    const home = await mkdtemp(join(tmpdir(), 'net-home-'))
    onTestFinished(() => rm(home, { recursive: true, force: true }))
    const run = async (text: string): Promise<readonly unknown[]> => {
      const { up, stop } = await start('--nodes', '2', '--mailboxes', '0', '--home', home)
      const [n1, n2] = await Promise.all(up.nodes.map((node) => open(node.home)))
      if (n1 === undefined || n2 === undefined) throw new Error('there are two nodes')
      await n1.call('message.send', { to: 'n2', text, wait: 'delivered', timeout: 20_000 })
      const { messages } = await n2.call('message.list', { contact: 'n1' })
      expect(await stop()).toBe(130)
      return messages.map((entry) => entry.kind === 'text' && entry.text)
    }
    expect(await run('once')).toEqual(['once'])
    expect(await run('again')).toEqual(['once', 'again'])
  },
)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
