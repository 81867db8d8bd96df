import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createNode } from '../../node/index.ts'

const PROGRAM = fileURLToPath(new URL('../support/traced-node.ts', import.meta.url))

// Runs where there is strace: vitest.config.ts leaves the folder out elsewhere, and says so.

test('the recipient has called fdatasync once before each acknowledgement arrives', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-traced-'))
  const trace = join(dir, 'trace')
  const options = ['-f', '-e', 'trace=fdatasync,fsync', '-e', 'signal=none', '-o', trace]
  const child = spawn('strace', [...options, process.execPath, PROGRAM, join(dir, 'bob')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  const ada = await createNode({ name: 'ada', network: { listen: ['/ip4/127.0.0.1/tcp/0'] } })
  try {
    const [link] = (await once(createInterface(child.stdout), 'line')) as [string]
    const bob = await ada.contacts.add(link, { name: 'bob' })
    const send = async (text: string): Promise<void> => {
      const sent = await ada.conversation(bob.id).send(text)
      await sent.until('delivered', { timeout: 20_000 })
    }
    await send('the first makes the session')
    const counts: number[] = []
    let before = await syncs(trace)
    for (let at = 0; at < 20; at++) {
      await send(`message ${at}`)
      const after = await syncs(trace)
      counts.push(after - before)
      before = after
    }
    expect(counts.every((count) => count >= 1)).toBe(true)
    // Something else of the node may sync once in a while; a second sync for each message would show.
    expect(counts.reduce((a, b) => a + b)).toBeLessThan(30)
  } finally {
    await ada.stop()
    child.stdin.end()
    await exit
    await rm(dir, { recursive: true, force: true })
  }
})

/** Calls that have returned: strace writes the line before the program goes on. */
async function syncs(trace: string): Promise<number> {
  const text = await readFile(trace, 'utf8')
  return text.split('\n').filter((line) => /sync(\(\d+\)| resumed>\)).*= 0$/.test(line)).length
}
