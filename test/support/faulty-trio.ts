// Ada and bob who chat, and the mailbox of both, each a process of its own on one small disk, for tests that take something from them
// while they write. What was accepted must be shown once to the other side in the end.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Report, Told } from './node-process.ts'
import { SmallDisk } from './small-disk.ts'
import { NodeChild } from './node-child.ts'

const run = promisify(execFile)

const LISTEN = '/ip4/127.0.0.1/tcp/0'

/** How long something may take that has to happen. */
const PATIENCE_MS = 60_000

/** How fast the clock of the mailbox goes: it looks at itself every 5 seconds, and rests for 10 after a failure. */
const PACE = 8

/** How long the texts are: more of them than a disk has room for are written in a second. */
const LENGTH = 3_000

/** Those who wait for each other must meet the fault as well. */
const MOST_QUEUED = 500

/** What one of them has said since it was last asked about. */
export interface Said {
  readonly accepted: Set<string>
  /** Codes of the errors that `send` rejected with, with the exit codes, and how often. */
  readonly refused: Map<string, number>
  /** Of nodes: what they say of their store. Of the mailbox: lines of its log. */
  readonly lines: string[]
}

export class FaultyTrio {
  readonly disk: SmallDisk
  readonly ada: NodeChild
  readonly bob: NodeChild
  readonly box: NodeChild
  readonly #folder: string
  readonly #said = new Map<string, Said>()
  readonly #ups = new Map<string, Extract<Told, { up: string }>>()
  #life = 0

  private constructor(folder: string, disk: SmallDisk) {
    this.#folder = folder
    this.disk = disk
    this.box = this.#child('box')
    this.ada = this.#child('ada')
    this.bob = this.#child('bob')
  }

  /** All of them are up, and have talked. */
  static async begin(bytes: number): Promise<FaultyTrio> {
    const folder = await mkdtemp(join(tmpdir(), 'sotto-trio-'))
    const trio = new FaultyTrio(folder, await SmallDisk.make(bytes))
    await trio.box.start()
    for (const one of trio.people) {
      if (one.order.do === 'node') one.order = { ...one.order, mailbox: trio.box.link }
    }
    await Promise.all(trio.people.map((one) => one.start()))
    await trio.ada.ask({ do: 'befriend', link: trio.bob.link, name: 'bob' }, 'done')
    await trio.bob.ask({ do: 'befriend', link: trio.ada.link, name: 'ada' }, 'done')
    trio.talk()
    for (const { name } of trio.people) await trio.until(() => trio.said(name).accepted.size > 3)
    return trio
  }

  get people(): readonly NodeChild[] {
    return [this.ada, this.bob]
  }

  said(name: string): Said {
    const said = this.#said.get(name)
    if (said === undefined) throw new Error(`nobody is called ${name}`)
    return said
  }

  /** What somebody has said so far is not asked for any more, but for the texts that were accepted. */
  forget(name: string): void {
    const { refused, lines } = this.said(name)
    refused.clear()
    lines.length = 0
  }

  /** What each said when it came up last. */
  up(name: string): Extract<Told, { up: string }> {
    const up = this.#ups.get(name)
    if (up === undefined) throw new Error(`${name} never came up`)
    return up
  }

  /** Both write until they are told to be quiet. */
  talk(length = LENGTH): void {
    this.#life++
    const prefix = (name: string): string => `${name} ${this.#life}-`
    const how = { length, most: MOST_QUEUED } as const
    this.ada.tell({ do: 'talk', to: 'bob', prefix: prefix('ada'), ...how })
    this.bob.tell({ do: 'talk', to: 'ada', prefix: prefix('bob'), ...how })
  }

  quiet(): void {
    for (const one of this.people) one.tell({ do: 'be quiet' })
  }

  async report(one: NodeChild): Promise<Report> {
    const about = one === this.ada ? 'bob' : 'ada'
    const told = await one.ask({ do: 'report', about }, 'report')
    if (told === undefined || !('report' in told)) throw new Error(`${one.name} has ended`)
    return told.report
  }

  /** Whether the mailbox says to those who ask that it can take mail. */
  async isReady(): Promise<boolean> {
    const url = `http://127.0.0.1:${this.up('box').monitor}/readyz`
    const answer = await fetch(url, { headers: { connection: 'close' } }).catch(() => undefined)
    return answer?.status === 200
  }

  /** Descriptors that one of them may have open from now on. */
  async limit(one: NodeChild, descriptors: number): Promise<void> {
    await run('prlimit', ['--pid', `${one.pid}`, `--nofile=${descriptors}:`])
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + PATIENCE_MS
    while (!(await isSo())) {
      if (Date.now() > end) throw new Error(`it did not come to be so: ${String(isSo)}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Texts that were accepted and are not shown to the other side, and those that are shown twice. */
  async missing(): Promise<readonly string[]> {
    const [adas = [], bobs = []] = await Promise.all(
      this.people.map(async (one) => (await this.report(one)).history),
    )
    const lost = (name: string, shown: readonly string[]): readonly string[] =>
      [...this.said(name).accepted].filter((text) => !shown.includes(`in ${text}`))
    return [...lost('ada', bobs), ...lost('bob', adas)]
  }

  /** Shown more than once, or not as a message; of both. */
  async odd(): Promise<readonly string[]> {
    const reports = await Promise.all(this.people.map((one) => this.report(one)))
    return reports.flatMap(({ history, diverged }) => [
      ...history.filter((entry, at) => history.indexOf(entry) !== at || !entry.includes(' ')),
      ...(diverged > 0 ? [`${diverged} positions were used twice`] : []),
    ])
  }

  async end(): Promise<void> {
    await Promise.all([this.ada, this.bob, this.box].map((one) => one.kill()))
    await this.disk.end()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #child(name: string): NodeChild {
    const said: Said = { accepted: new Set(), refused: new Map(), lines: [] }
    this.#said.set(name, said)
    const place = { dir: join(this.disk.dir, name), listen: LISTEN }
    return new NodeChild({
      folder: this.#folder,
      name,
      order:
        name === 'box'
          ? { do: 'mailbox', ...place, monitored: { pace: PACE } }
          : { do: 'node', ...place, name },
      told: (told) => this.#hear(name, said, told),
      through: this.disk.through,
    })
  }

  #hear(name: string, said: Said, told: Told): void {
    if ('up' in told) this.#ups.set(name, told)
    if ('accepted' in told) said.accepted.add(told.accepted)
    if ('said' in told) said.lines.push(told.said)
    if (!('refused' in told)) return
    const what = `${told.refused} ${told.exit}`
    said.refused.set(what, 1 + (said.refused.get(what) ?? 0))
  }
}
