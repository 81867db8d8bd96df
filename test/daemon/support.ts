import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { connectDaemon } from '../../daemon/client.ts'
import type { DaemonClient } from '../../daemon/client.ts'
import { LineSplitter } from '../../daemon/lines.ts'
import { serve } from '../../daemon/server.ts'
import { prepareSocket } from '../../daemon/socket-path.ts'
import { FakeNode } from './fake-node.ts'

/** A folder that goes away with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export interface Served {
  readonly node: FakeNode
  readonly path: string
  readonly stops: () => number
  readonly close: () => Promise<void>
}

/** A fake node behind a real socket. */
export async function served(node: FakeNode = new FakeNode()): Promise<Served> {
  let stops = 0
  const path = await prepareSocket(await temporaryFolder())
  const server = await serve({ node, path, version: '1.2.3', onStop: () => stops++ })
  const close = (): Promise<void> => server.close()
  onTestFinished(close)
  return { node, path, stops: () => stops, close }
}

export async function client(path: string): Promise<DaemonClient> {
  const found = await connectDaemon(path)
  if (found === undefined) throw new Error('nobody listens')
  onTestFinished(() => found.close())
  return found
}

/** What a script without our client would see. */
export interface Reply {
  readonly id?: string | number | null
  readonly result?: unknown
  readonly error?: {
    readonly code: number
    readonly message: string
    readonly data: { code: string }
  }
}

/** Writes bytes to the socket and reads `count` replies, or all until the server hangs up. */
export async function raw(
  path: string,
  bytes: string | Uint8Array,
  count = Infinity,
): Promise<Reply[]> {
  const socket = connect(path)
  const lines = new LineSplitter()
  const replies: Reply[] = []
  socket.write(bytes)
  try {
    for await (const chunk of socket) {
      for (const line of lines.push(chunk)) replies.push(JSON.parse(line))
      if (replies.length >= count) break
    }
  } finally {
    socket.destroy()
  }
  return replies
}

export function request(id: number | string, method: string, params?: unknown): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`
}
