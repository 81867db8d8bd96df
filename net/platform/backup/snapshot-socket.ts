/**
 * The records of a folder that is open, for the program that makes a backup: LevelDB lets nobody else in. They go over a socket in
 * the folder, `run/snapshot`, as they are stored: sealed, so that it is no way around a passphrase, and their seals cost whoever
 * serves nothing. Who may connect is decided by the mode of the folder.
 *
 *   of each record: u16 length of the name ‖ name ‖ u32 length of the value ‖ value;  at the end: u16 0
 */
import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { concat, fromUtf8, u16, u32, utf8 } from '../../../protocol/bytes.ts'
import { DecodeError } from '../../../protocol/errors.ts'
import { reader } from '../../../protocol/reader.ts'
import { BackupError } from './backup-error.ts'
import { gathered, Pieces } from '../../backup/pieces.ts'
import { sealedRecords } from '../../backup/snapshot.ts'
import type { Server, Socket } from 'node:net'
import type { Selection } from '../../backup/snapshot.ts'
import type { Store } from '../../ports.ts'
import type { StoredRecord } from '../../records.ts'

/** A longer path is no socket's: 104 bytes with the terminator on macOS, 108 on Linux. */
const MAX_PATH_BYTES = 100

/** A backup that takes nothing for so long has died; its snapshot holds space in the store. */
const SILENCE_MS = 60_000

const MAX_VALUE_BYTES = 1024 * 1024

/** Snapshots that are served. */
export interface SnapshotServer {
  /** Ends the one that is on its way, too. */
  close(): Promise<void>
}

/** Serves snapshots of what a backup of the folder's store holds, one at a time. Whoever calls it has the folder open. Rejects where no socket can be. */
export async function serveSnapshots(
  dir: string,
  store: Store,
  selection: Selection,
): Promise<SnapshotServer> {
  const path = socketPath(dir)
  const serving = new Set<Socket>()
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    if (serving.size > 0) return void socket.destroy()
    serving.add(socket)
    socket.once('close', () => serving.delete(socket))
    socket.setTimeout(SILENCE_MS, () => socket.destroy())
    void send(socket, sealedRecords(store, selection))
  })
  await mkdir(join(dir, 'run'), { recursive: true, mode: 0o700 })
  await rm(path, { force: true }) // left by a crash: the folder's lock is ours
  await listen(server, path)
  server.unref()
  return {
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of serving) socket.destroy()
      await closed
    },
  }
}

/** A snapshot by the program that has the folder open. Undefined when none serves them there. */
export async function connectSnapshot(
  dir: string,
): Promise<AsyncGenerator<StoredRecord, void, undefined> | undefined> {
  const socket = connect(socketPath(dir))
  try {
    await once(socket, 'connect')
  } catch {
    return undefined // no such socket, or nobody listens: the caller knows who has the folder
  }
  return received(socket)
}

async function* received(socket: Socket): AsyncGenerator<StoredRecord, void, undefined> {
  try {
    const bytes = new Pieces(socket)
    for (;;) {
      const length = reader(await bytes.take(2)).u16()
      if (length === 0) return
      const key = fromUtf8(await bytes.take(length))
      const size = reader(await bytes.take(4)).u32()
      if (size > MAX_VALUE_BYTES) throw new DecodeError('ERR_TOO_LARGE')
      yield { key, value: await bytes.take(size) }
    }
  } catch (cause) {
    throw new BackupError('ERR_INTERRUPTED', { cause })
  } finally {
    socket.destroy()
  }
}

/** A socket that ends before the last byte says by that alone that something went wrong. */
async function send(socket: Socket, records: AsyncIterable<StoredRecord>): Promise<void> {
  try {
    for await (const piece of gathered(encoded(records))) {
      if (!socket.write(piece)) await room(socket)
      if (socket.destroyed) return
    }
    socket.end(u16(0))
  } catch {
    socket.destroy()
  }
}

async function* encoded(records: AsyncIterable<StoredRecord>): AsyncGenerator<Uint8Array> {
  for await (const { key, value } of records) {
    const name = utf8(key)
    yield concat(u16(name.length), name, u32(value.length), value)
  }
}

function room(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.once('drain', done).once('close', done)
  })
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path)
  await once(server, 'listening')
  await chmod(path, 0o600)
}

function socketPath(dir: string): string {
  const path = join(resolve(dir), 'run', 'snapshot')
  if (utf8(path).length > MAX_PATH_BYTES) throw new BackupError('ERR_NO_SOCKET')
  return path
}
