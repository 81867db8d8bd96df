import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'
import { expect, test } from 'vitest'
import { systemClock } from '../../net/platform/clock.ts'
import { openHome } from '../../net/platform/home.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { Records } from '../../net/records.ts'

const PROGRAM = fileURLToPath(new URL('../support/full-disk.ts', import.meta.url))
const LOG_PROGRAM = fileURLToPath(new URL('../support/full-log.ts', import.meta.url))

/** A process whose files may not grow is told so by the system as one whose disk is full. */
const LIMIT_BLOCKS = 1024

test('a store that cannot grow refuses, loses nothing it accepted, and goes on when it can', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-full-'))
  try {
    const child = limited(PROGRAM, dir)
    const [full] = await once(child, 'message')
    expect(full).toMatchObject({ code: 'ERR_FULL', heard: ['ERR_FULL', 'ERR_FULL'] })
    // A second try fails like the first, and what is there can still be read.
    expect(full.again).toBe('ERR_FULL')
    expect(full.readable).toHaveLength(full.stored)

    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
    child.send('there is room')
    const [after] = await once(child, 'message')
    expect(after.stored.length).toBe(full.stored + 1)
    expect(after.found).toEqual(after.stored)
    await once(child, 'exit')

    expect(await keysIn(dir)).toEqual(after.stored)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test('what is written behind a write of libp2p that was cut short is there after a crash', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-full-'))
  try {
    const child = limited(LOG_PROGRAM, dir)
    const [refused] = await once(child, 'message')
    expect(refused).toContain('File too large')
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
    child.send('there is room')
    const [written] = await once(child, 'message')
    const exit = once(child, 'exit')
    child.send('end')
    await exit
    expect(await keysIn(dir)).toHaveLength(written)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

function limited(program: string, dir: string): ChildProcess {
  const command = `ulimit -S -f ${LIMIT_BLOCKS} && exec "$0" "$1" "$2"`
  return spawn('sh', ['-c', command, process.execPath, program, dir], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

async function keysIn(dir: string): Promise<readonly string[]> {
  const home = await openHome(dir)
  const { store, dataKey } = home
  const records = new Records({ store, dataKey, clock: systemClock, random: platformRandom })
  const keys: string[] = []
  for await (const { key } of records.range('value/')) keys.push(key)
  await home.close()
  return keys
}
