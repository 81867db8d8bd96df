/**
 * One running copy of an account on a computer. LevelDB's lock keeps a second process out of a folder; this keeps out a second folder
 * of the same account, restored or copied. It is a socket under the account's name that answers with the folder it is held for, so
 * that it ends with its process, however that ends.
 */
import { once } from 'node:events'
import { rm, rmdir } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import { HomeError } from './home-error.ts'
import { MAX_SOCKET_PATH_BYTES, privateRuntimeFolder } from './runtime-folder.ts'
import type { AccountKey } from '../../protocol/account.ts'

export interface Lease {
  release(): Promise<void>
}

/** Enough of an account key to tell a user's own accounts apart, and short enough for a path. */
const NAME_BYTES = 12

/** Somebody who holds it answers at once; this is for one that hangs. */
const ANSWER_MS = 2000
const MAX_ANSWER_BYTES = 4096

/** The folder may go with somebody else's lease before ours is in it. */
const MAX_TRIES = 3

const NONE: Lease = { release: () => Promise.resolve() }

/**
 * Holds the account for this folder. Throws `HomeError` ERR_ELSEWHERE, with the folder, when another one has it. Where the system has no
 * place for such a socket nothing is held: then it cannot be known.
 */
export async function holdAccount(account: AccountKey, dir: string): Promise<Lease> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const path = await pathOf(account).catch(() => undefined)
    if (path === undefined || utf8(path).length > MAX_SOCKET_PATH_BYTES) return NONE
    const holder = await holderOf(path)
    if (holder !== undefined) throw new HomeError('ERR_ELSEWHERE', { dir: holder })
    const lease = await hold(path, resolve(dir)).catch(() => undefined)
    if (lease !== undefined) return lease
  }
  return NONE
}

async function pathOf(account: AccountKey): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined
  return join(await privateRuntimeFolder(), `${toHex(account.subarray(0, NAME_BYTES))}.held`)
}

async function hold(path: string, dir: string): Promise<Lease> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(dir)
  })
  await rm(path, { force: true }) // nobody answers there
  server.listen(path)
  await once(server, 'listening')
  server.unref()
  return {
    release: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      await closed
      await rmdir(dirname(path)).catch(() => undefined) // others have theirs in it, or it is gone
    },
  }
}

/** The folder for which it is held; undefined when nobody answers. */
async function holderOf(path: string): Promise<string | undefined> {
  const socket = connect(path)
  socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('no answer')))
  try {
    let answer = ''
    for await (const chunk of socket.setEncoding('utf8')) {
      answer += String(chunk)
      if (answer.length > MAX_ANSWER_BYTES) break
    }
    return answer
  } catch {
    return undefined // no socket, or one whose process is gone
  } finally {
    socket.destroy()
  }
}
