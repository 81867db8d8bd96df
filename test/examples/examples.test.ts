import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createNode } from '../../node/index.ts'

const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url))

const run = async (name: string): Promise<string> => {
  const options = { timeout: 50_000 }
  return (await promisify(execFile)(process.execPath, [example(name)], options)).stdout
}

test('two nodes in one program', async () => {
  expect(await run('two-nodes')).toBe('delivered: hello, ada\n')
})

test('a mailbox in a libp2p node', async () => {
  // The sender's name and the text.
  expect(await run('embedded-mailbox')).toBe('stored: 2 envelopes wait for bob\n')
})

test('a bot that answers, also after it was killed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-bot-'))
  const start = async () => {
    const bot = spawn(process.execPath, [example('echo-bot'), dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [link] = (await once(createInterface(bot.stdout), 'line')) as [string]
    return { bot, link }
  }
  await using ada = await createNode({
    name: 'ada',
    network: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  })
  const answers = ada.events({ types: ['message.received'], from: 'start' })[Symbol.asyncIterator]()
  const answer = async (): Promise<string> => {
    const { value } = await answers.next()
    return value?.type === 'message.received' ? value.message.text : ''
  }

  const first = await start()
  await ada.contacts.add(first.link, { name: 'echo' })
  await ada.conversation('echo').send('one')
  expect(await answer()).toBe('echo: one')

  first.bot.kill('SIGKILL')
  await once(first.bot, 'exit')
  await ada.conversation('echo').send('two')
  const second = await start()
  await ada.contacts.add(second.link, { name: 'echo' })
  let heard = await answer()
  while (heard === 'echo: one') heard = await answer() // it was killed before it had noted its answer
  expect(heard).toBe('echo: two')

  second.bot.kill('SIGTERM')
  expect(await once(second.bot, 'exit')).toEqual([0, null])
  await rm(dir, { recursive: true, force: true })
})
