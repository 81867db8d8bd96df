import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Member } from '../../testnet/member.ts'
import { judge } from '../../testnet/judge.ts'
import { Processes } from '../../testnet/process.ts'
import { exactlyOnce } from '../../testnet/verdict.ts'
import { eventually, folder, live } from '../support/live.ts'

const PROGRAM = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

/** Sent after the kill, so that some are certainly not acknowledged before it. */
const AFTERWARDS = 100

test(
  'kill -9 while messages arrive, without a mailbox: each is there once',
  { timeout: 90_000 },
  async () => {
    const dir = await folder()
    await using processes = new Processes()
    const signal = new AbortController().signal
    const context = { processes, entry: [process.execPath, PROGRAM] as const, signal }
    const bob = await Member.open(context, 'bob', join(dir, 'bob'))
    await bob.settle({ bootstrap: [], replication: 20 })
    await bob.up()
    await bob.settle({ bootstrap: [], replication: 20 }) // on the same address from now on
    const ada = await live(dir, 'ada')
    await ada.contacts.add((await bob.api.call('id.card', {})).link, { name: 'bob' })

    await bob.api.call('contact.add', { link: ada.id.link, name: 'ada' })
    const states = new Map<string, string>()
    ada.on('message.state', ({ messageId, to }) => void states.set(messageId, to))
    const delivered = (): number => [...states.values()].filter((to) => to === 'delivered').length
    const since = Date.now()
    let sent = 0
    let last = Infinity
    const sending = send()
    await eventually(() => delivered() >= 30)
    const killedAt = Date.now()
    expect(await bob.kill()).toEqual({ code: null, signal: 'SIGKILL' })
    last = sent + AFTERWARDS
    await sending
    const backAt = Date.now()
    await bob.up()
    await eventually(() => delivered() === sent)
    await Promise.all([ada.stop(), bob.down()])

    const crash = { sender: ada.id.peer, recipient: bob.peer, since, killedAt, backAt }
    const verdict = await judge({ dirs: [join(dir, 'ada'), bob.dir], accepted: [], crash })
    expect(verdict).toMatchObject({ sent, delivered: sent, lost: 0, doubled: 0 })
    expect(verdict.acknowledgedAtKill).toBeGreaterThan(0)
    expect(verdict.notAcknowledgedAtKill).toBeGreaterThan(0)
    expect(exactlyOnce(verdict)).toBe(true)

    async function send(): Promise<void> {
      const worker = async (): Promise<void> => {
        while (sent < last) await ada.conversation('bob').send(`message ${++sent}`)
      }
      await Promise.all([worker(), worker(), worker(), worker()])
    }
  },
)
