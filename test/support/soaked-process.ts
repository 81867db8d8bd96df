// A node or a mailbox of a soak: started, stopped cleanly and started again on its folder and port, asked and measured.
import { once } from 'node:events'
import { askChild, loadChild } from './node-child.ts'
import { processFigures, type ProcessFigures } from './process-figures.ts'
import type { ChildProcess } from 'node:child_process'
import type { Measured, Order, Report, Told } from './node-process.ts'

export type Sample = Measured & ProcessFigures

type Begin = Extract<Order, { readonly do: 'node' | 'mailbox' }>

export class SoakedProcess {
  readonly name: string
  readonly #folder: string
  readonly #hear: (told: Told) => void
  #order: Begin
  #child: ChildProcess | undefined
  #link = ''
  #address = ''

  constructor(folder: string, name: string, order: Begin, hear: (told: Told) => void) {
    this.#folder = folder
    this.name = name
    this.#order = order
    this.#hear = hear
  }

  get link(): string {
    return this.#link
  }

  /** With /p2p/. */
  get address(): string {
    return this.#address
  }

  async start(): Promise<void> {
    const child = await loadChild(this.#folder, ['--expose-gc'])
    this.#child = child
    child.on('message', this.#hear)
    const up = await this.#ask(this.#order, 'up')
    if (!('up' in up)) throw new Error(`${this.name} does not come up`)
    this.#link = up.up
    this.#address = up.addresses[0] ?? ''
    this.#order = { ...this.#order, listen: this.#address.replace(/\/p2p\/.*/, '') }
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const exit = once(child, 'exit')
    await this.#ask({ do: 'stop' }, 'done')
    this.#child = undefined
    await exit
  }

  /** However it is: SIGKILL. */
  async end(): Promise<void> {
    const child = this.#child
    if (child?.kill('SIGKILL') !== true) return
    await once(child, 'exit')
  }

  tell(order: Order): void {
    this.#child?.send(order)
  }

  /** Resolves when it is done. */
  async order(order: Order): Promise<void> {
    await this.#ask(order, 'done')
  }

  async report(about: string): Promise<Report> {
    const told = await this.#ask({ do: 'report', about }, 'report')
    if (!('report' in told)) throw new Error(`${this.name} reports nothing`)
    return told.report
  }

  async measure(): Promise<Sample> {
    const told = await this.#ask({ do: 'measure' }, 'measured')
    const pid = this.#child?.pid
    if (!('measured' in told) || pid === undefined) throw new Error(`${this.name} is not measured`)
    return { ...told.measured, ...(await processFigures(pid)) }
  }

  async #ask(order: Order, answer: string): Promise<Told> {
    const child = this.#child
    const told = child && (await askChild(child, order, this.#question(answer)))
    if (told === undefined) throw new Error(`${this.name} does not run`)
    return told
  }

  #question(answer: string) {
    return { name: this.name, answer, isMeant: () => false }
  }
}
