import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { FakeNode } from '../daemon/fake-node.ts'
import { profile, sotto, temporaryFolder } from './support.ts'

test('at a terminal init asks for name and passphrase, and does not show the passphrase', async () => {
  const home = await temporaryFolder()
  const stdin = 'ada\ncorrect horse\ncorrect horse\n'
  const ran = await sotto(['--home', home, 'init'], { terminal: true, stdin })
  expect(ran.exit).toBe(0)
  expect(await readFile(join(home, 'identity.sealed'), 'utf8')).toBe('correct horse')
  expect(ran.stderr).toContain('Your name')
  expect(ran.stderr + ran.stdout).not.toContain('horse')
})

test('two passphrases that differ make nothing', async () => {
  const home = await temporaryFolder()
  const stdin = 'ada\none\ntwo\n'
  expect((await sotto(['--home', home, 'init'], { terminal: true, stdin })).exit).toBe(2)
  expect((await sotto(['--home', home, 'status'])).exit).toBe(3)
})

test('a terminal that ends instead of answering is a usage error', async () => {
  const home = await temporaryFolder()
  const ran = await sotto(['--home', home, 'init'], { terminal: true, stdin: '' })
  expect(ran).toMatchObject({ exit: 2, stderr: expect.stringContaining('--name') })
})

test('Ctrl-C at a question ends the command', async () => {
  const stop = new AbortController()
  const stdin = new PassThrough()
  const home = await temporaryFolder()
  const asking = sotto(['--home', home, 'init'], {
    terminal: true,
    stdin,
    interrupted: stop.signal,
    onInterrupt: () => stop.abort(new Error('SIGINT')),
  })
  stdin.write('\u0003')
  expect(await asking).toMatchObject({ exit: 130 })
})

test('a sealed profile asks once, or reads the file', async () => {
  const home = await profile()
  const asked = await sotto(['--home', home, 'id', '--link'], {
    ...{ terminal: true, stdin: 'secret\n', unlocks: true, node: new FakeNode() },
  })
  expect(asked).toMatchObject({ exit: 0, stderr: expect.stringContaining('Passphrase: ') })
  const missing = await sotto(['--home', home, '--passphrase-file', '/nowhere/x', 'id'], {
    unlocks: true,
  })
  expect(missing).toMatchObject({ exit: 2, stderr: expect.stringContaining('ENOENT') })
})
