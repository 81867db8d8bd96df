import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTurns } from '../../testnet/in-turns.ts'
import { Processes, StartError, type StartOptions } from '../../testnet/process.ts'

const PARENT = fileURLToPath(new URL('../support/parent.ts', import.meta.url))

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sotto-process-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const SERVE = 'console.error("said before"); console.log("ready"); setInterval(() => {}, 1000)'

const options = (script: string, signal = new AbortController().signal): StartOptions => ({
  entry: [process.execPath],
  args: ['-e', script],
  log: join(dir, 'deep', 'log'),
  signal,
})

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The end of a process that is not our child has to be looked for. */
const untilGone = async (pid: number): Promise<void> => {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('a process is ready with its first line, and ends when it is asked to', async () => {
  await using processes = new Processes()
  const program = await processes.start(options(SERVE))
  expect(program.line).toBe('ready')
  expect(isAlive(program.pid)).toBe(true)
  expect(await program.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  expect(isAlive(program.pid)).toBe(false)
  expect(await readFile(join(dir, 'deep', 'log'), 'utf8')).toBe('said before\n')
})

test('what a process says after its first line never makes it wait', async () => {
  await using processes = new Processes()
  const script =
    'console.log("first"); const part = "x".repeat(1 << 20); process.stdout.write(part, () => process.exit(7))'
  const program = await processes.start(options(script))
  expect(await program.exited).toEqual({ code: 7, signal: null })
})

test('a process that ends before it is ready is an error that repeats what it said', async () => {
  await using processes = new Processes()
  const failing = processes.start(options('console.error("no such thing"); process.exit(3)'))
  await expect(failing).rejects.toThrow(/exit code 3 .*no such thing/s)
  await expect(failing).rejects.toBeInstanceOf(StartError)
})

test('a program that does not exist is an error', async () => {
  await using processes = new Processes()
  const failing = processes.start({ ...options(''), entry: [join(dir, 'nothing')] })
  await expect(failing).rejects.toBeInstanceOf(StartError)
})

test('who gives up waiting for a process leaves none behind', async () => {
  await using processes = new Processes()
  const giveUp = new AbortController()
  const script = `require("fs").writeFileSync(${JSON.stringify(join(dir, 'pid'))}, String(process.pid)); setInterval(() => {}, 1000)`
  const starting = processes.start(options(script, giveUp.signal))
  starting.catch(() => undefined)
  let pid = 0
  while (pid === 0) pid = Number(await readFile(join(dir, 'pid'), 'utf8').catch(() => '0'))
  giveUp.abort(new Error('enough'))
  await expect(starting).rejects.toThrow('enough')
  expect(isAlive(pid)).toBe(false)
})

test('all are ended with the network', async () => {
  const processes = new Processes()
  const programs = [await processes.start(options(SERVE)), await processes.start(options(SERVE))]
  await processes[Symbol.asyncDispose]()
  expect(programs.map(({ pid }) => isAlive(pid))).toEqual([false, false])
})

test('settings of the user are not handed on, a compile cache is', async () => {
  process.env['SOTTO_TEST_SETTING'] = 'mine'
  await using processes = new Processes(join(dir, 'cache'))
  delete process.env['SOTTO_TEST_SETTING']
  const script =
    'console.log([process.env.SOTTO_TEST_SETTING, process.env.NODE_COMPILE_CACHE].join(" "))'
  const program = await processes.start(options(script))
  expect(program.line).toBe(` ${join(dir, 'cache')}`)
})

test.each(['exit', 'SIGHUP', 'SIGTERM'])('processes end with their parent: %s', async (way) => {
  const parent = spawn(process.execPath, [PARENT, join(dir, 'log'), way], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line]: unknown[] = await once(createInterface(parent.stdout), 'line')
  const pid = Number(line)
  expect(isAlive(pid)).toBe(true)
  if (way === 'SIGHUP' || way === 'SIGTERM') parent.kill(way)
  await once(parent, 'exit')
  await untilGone(pid)
})

test('tasks run so many at a time, and their results keep the order', async () => {
  let running = 0
  let most = 0
  const results = await inTurns([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++running)
    for (let turn = 0; turn < item; turn++) await Promise.resolve()
    running--
    return item * 10
  })
  expect(results).toEqual([50, 10, 40, 20, 30])
  expect(most).toBe(2)
})

test('the first task that fails ends the others before they begin', async () => {
  const begun: number[] = []
  const failing = inTurns([1, 2, 3, 4], 1, async (item) => {
    begun.push(item)
    await Promise.resolve()
    if (item === 2) throw new Error('two')
  })
  await expect(failing).rejects.toThrow('two')
  expect(begun).toEqual([1, 2])
})
