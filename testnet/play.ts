// The demo from beginning to end, in order.

import { join } from 'node:path'
import { comeBack, killInTheMiddle } from './burst.ts'
import { gather, type Cast } from './cast.ts'
import { find, publish, talk, type Story } from './chapters.ts'
import type { DemoOptions } from './demo.ts'
import { Journal } from './journal.ts'
import type { Case } from './judge.ts'
import { Processes } from './process.ts'
import { tell } from './teller.ts'

/** Plays the story and returns what the judge is to look at. When it is over, all processes have ended. */
export async function play(
  { output, entry, signal }: DemoOptions,
  dir: string,
  cache: string | undefined,
): Promise<Case> {
  const say = (text: string): Promise<void> => tell(output, text)
  await using processes = new Processes(cache)
  await using journal = await Journal.open(join(dir, 'accepted.ndjson'))
  await say('1  The network')
  const cast = await gather({ processes, entry, signal }, dir)
  await tellCast(cast, say)
  const story: Story = { cast, journal, signal, tell: say }
  await say('\n2  Keys go into the DHT')
  const holders = await publish(story)
  await say('\n3  Found through the DHT alone')
  await find(story, holders)
  await say('\n4  Both are there')
  await talk(story)
  await say('\n5  kill -9')
  const crash = await killInTheMiddle(story)
  await say('\n6  Back again')
  const backAt = await comeBack(story)
  const members = [cast.ada, cast.bob, ...cast.others]
  await Promise.all([...members.map((member) => member.down()), cast.box.stop()])
  const accepted = await journal.read()
  return { dirs: members.map((member) => member.dir), accepted, crash: { ...crash, backAt } }
}

async function tellCast(
  { box, others }: Cast,
  say: (text: string) => Promise<void>,
): Promise<void> {
  const names = others.map(({ name, pid }) => `${name} (${pid})`).join(', ')
  await say(`  The mailbox is up, process ${box.pid}. It is also where newcomers ask first.`)
  await say(`  DHT peers, with their process ids: ${names}.`)
}
