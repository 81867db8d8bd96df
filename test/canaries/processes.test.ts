// Real programs over LevelDB and libp2p, sealed by a passphrase: neither what they print, nor how they were called, nor any file
// of theirs shows a secret, a text or the name of a contact, while they run and afterwards.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { openHome } from '../../net/platform/home.ts'
import { createNode } from '../../node/index.ts'
import { program } from '../cli/processes.ts'
import { asText, canariesIn, rawIn, textCanaries, type Canary } from '../support/canaries.ts'

const secrets = vi.hoisted(() => new Map<string, { name: string; bytes: Uint8Array }>())

vi.mock('../../protocol/secret.ts', async (original) => {
  const actual = await original<typeof import('../../protocol/secret.ts')>()
  class Recorded<Name extends string> extends actual.Secret<Name> {
    constructor(name: Name, bytes: Uint8Array) {
      super(name, bytes)
      secrets.set(`${name} ${bytes.slice(0, 8).join()}`, { name, bytes: bytes.slice() })
    }
  }
  return { ...actual, Secret: Recorded }
})

const NODES = fileURLToPath(new URL('../support/canary-nodes.ts', import.meta.url))

const PASSPHRASE = 'unguessable wombat canary'
const TEXTS = ['wombats ferment quartz', 'yodelling hippocrene ok', 'fjord vexes quixotic gnu']
const NAME = 'zanzibar marmalade'
const WORDS: readonly Canary[] = [
  ...textCanaries('passphrase', PASSPHRASE),
  ...TEXTS.flatMap((text, at) => textCanaries(`text ${at}`, text)),
  ...textCanaries('name', NAME),
]

let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sotto-canaries-'))
})
afterAll(() => rm(root, { recursive: true }))

/** Every file under a folder, by name. */
async function files(dir: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = await readFile(path).catch(() => new Uint8Array(0)) // LevelDB has deleted it meanwhile
    found.set(path, `${path}\n${asText(bytes)}`)
  }
  return found
}

function leaksIn(
  texts: ReadonlyMap<string, string>,
  canaries: readonly Canary[],
): readonly string[] {
  return [...texts].flatMap(([where, text]) =>
    [...canariesIn(text, WORDS), ...rawIn(text, canaries)].map((leak) => `${leak} in ${where}`),
  )
}

test('two sealed nodes and a mailbox, running into errors, show nothing', async () => {
  const dirs = ['ada', 'bob', 'box'].map((name) => join(root, name))
  const child = spawn(process.execPath, [NODES], { stdio: ['pipe', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const ended = once(child, 'close')
  const task = { dirs, passphrase: PASSPHRASE, texts: TEXTS, name: NAME }
  child.stdin.write(`${JSON.stringify(task)}\n`)
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error(`it has ended: ${said}`))),
  ])
  const called = new Map<string, string>()
  for (const name of ['cmdline', 'environ']) {
    called.set(name, await readFile(`/proc/${child.pid}/${name}`, 'latin1').catch(() => ''))
  }
  const running = await files(root)
  child.stdin.write('stop\n')
  const [code] = await ended
  expect(said).toContain('SottoError')
  expect(code).toBe(0)
  const stopped = await files(root)
  expect(stopped.size).toBeGreaterThan(12)

  // The secrets of both, as their folders give them back.
  const unlock = async (): Promise<string> => PASSPHRASE
  for (const dir of dirs.slice(0, 2)) {
    const node = await createNode({
      ...{ profile: { dir }, unlock, network: { listen: ['/ip4/127.0.0.1/tcp/0'] } },
    })
    await node.stop()
  }
  await (await openHome(dirs[2] ?? '', { unlock })).close()
  const made: readonly Canary[] = [...secrets.values()]
  const names = new Set(made.map(({ name }) => name))
  for (const name of ['AccountSeed', 'DataKey', 'FileKey', 'IdentityKey', 'RootKey', 'ChainKey']) {
    expect(names).toContain(name)
  }
  const lasting = made.filter(({ name }) => /AccountSeed|DataKey|FileKey/.test(name))
  expect(leaksIn(called, made)).toEqual([])
  expect(canariesIn(said, [...WORDS, ...made])).toEqual([])
  for (const all of [running, stopped]) {
    expect(leaksIn(all, made)).toEqual([])
    for (const [path, text] of all) expect([path, canariesIn(text, lasting)]).toEqual([path, []])
  }
}, 240_000)

test('the command line prints no passphrase, and takes none from its arguments', async () => {
  const home = join(root, 'cli')
  const [flags, input] = [['--home', home, '--passphrase-file', '-'], `${PASSPHRASE}\n`]
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']
  const ran = [
    await program([...flags, 'init', '--name', 'ada', ...listen], input),
    await program([...flags, 'status', '--json'], input),
    await program([...flags, 'id'], `${PASSPHRASE} no\n`),
    await program([...flags, 'send', 'nobody', 'x'], input),
    await program(['--home', home, '--no-input', 'id']),
    await program(['--home', home, '--passphrase', PASSPHRASE, 'id']),
  ]
  expect(ran.map(({ exit }) => exit)).toEqual([0, 0, 10, 3, 2, 2])
  const made: readonly Canary[] = [...secrets.values()]
  const passphrase = textCanaries('passphrase', PASSPHRASE)
  // Whoever writes it where it does not belong sees it again.
  for (const { stdout, stderr } of ran.slice(0, -1)) {
    expect(canariesIn(`${stdout}\n${stderr}`, [...passphrase, ...made])).toEqual([])
  }
  const left = await files(home)
  expect(leaksIn(left, made)).toEqual([])
}, 240_000)
