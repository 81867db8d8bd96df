/**
 * The package as it is published: built, packed, installed into an empty folder, and run by every Node.js
 * that `engines` names and by one that is too old.
 */
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from './tools.ts'

const MINUTE = 60_000
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string
}
const workspace = mkdtempSync(join(tmpdir(), 'sotto-package-'))
const app = join(workspace, 'app')
const installed = join(app, 'node_modules', 'sotto')

beforeAll(async () => {
  await npm(root, 'pack', '--pack-destination', workspace)
  const tarball = readdirSync(workspace).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack wrote no archive')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }\n')
  await npm(app, 'install', '--no-audit', '--no-fund', join(workspace, tarball))
})

afterAll(() => rmSync(workspace, { recursive: true, force: true }))

test('holds built JavaScript with types, and no sources', () => {
  for (const entry of ['node/index', 'protocol/index', 'mailbox/index']) {
    expect(existsSync(join(installed, `dist/${entry}.js`)), entry).toBe(true)
    expect(existsSync(join(installed, `dist/${entry}.d.ts`)), entry).toBe(true)
  }
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  expect(sources.filter((file) => !file.includes('node_modules'))).toEqual([])
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md']))
})

test('type-checks for a program that uses all three entry points', async () => {
  writeFileSync(join(app, 'use.ts'), USE)
  writeFileSync(join(app, 'tsconfig.json'), TSCONFIG)
  const { code, output } = await run(join(root, 'node_modules/.bin/tsc'), ['-p', app], app)
  expect(output).toBe('')
  expect(code).toBe(0)
})

test.for(['22.12.0', '22', '24'])('runs under Node.js %s', async (version) => {
  const node = await installNode(version)
  const told = await run(node, [join(installed, 'bin/sotto.cjs'), '--version'], app)
  expect(told).toEqual({ code: 0, output: `sotto ${manifest.version}\n` })

  const home = ['--home', join(workspace, `home-${version}`)]
  const sotto = (...args: readonly string[]) =>
    run(node, [join(installed, 'bin/sotto.cjs'), ...home, ...args], app)
  expect((await sotto('init', '--name', 'ada', '--keys', 'none')).code).toBe(0)
  expect((await sotto('id', '--json')).output).toContain('"name":"ada"')

  const imports = `
    const parts = await Promise.all(['sotto', 'sotto/protocol', 'sotto/mailbox', 'sotto/mailbox/store-contract'].map((name) => import(name)))
    process.stdout.write(typeof parts[0].createNode + ' ' + typeof parts[2].mailbox + ' ' + typeof parts[3].storeContract)`
  const loaded = await run(node, ['--input-type=module', '-e', imports], app)
  expect(loaded).toEqual({ code: 0, output: 'function function function' })
})

test('says in one line that Node.js 20 is too old', async () => {
  const node = await installNode('20')
  const told = await run(node, [join(installed, 'bin/sotto.cjs'), '--version'], app)
  expect(told.code).toBe(8)
  expect(told.output).toMatch(/^sotto needs Node\.js 22\.12 or newer, this is 20\.\d+\.\d+\b.*\n$/)
})

const USE = `import { createNode } from 'sotto'
import * as protocol from 'sotto/protocol'
import { mailbox } from 'sotto/mailbox'

export const used = [createNode, protocol, mailbox] as const
`

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'],
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  },
  files: ['use.ts'],
})

/** Installs Node.js from the package registry and returns the path of its binary. */
async function installNode(version: string): Promise<string> {
  const folder = join(workspace, `node-${version}`)
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "runtime", "private": true, "allowScripts": { "node": true } }\n',
  )
  await npm(folder, 'install', '--no-audit', '--no-fund', `node@${version}`)
  return join(folder, 'node_modules/node/bin/node')
}

async function npm(folder: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await run('npm', args, folder)
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${output}`)
}

/** Exit code, and what was written to stdout and stderr. */
function run(
  program: string,
  args: readonly string[],
  folder: string,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: folder, timeout: 3 * MINUTE }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, output: stdout + stderr })
    })
  })
}
