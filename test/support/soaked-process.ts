// A node or a mailbox of a soak: started, stopped cleanly and started again on its folder and port, asked and measured.
import { NodeChild } from './node-child.ts'
import { processFigures, type ProcessFigures } from './process-figures.ts'
import type { Begin, Measured, Order, Report, Told } from './node-process.ts'

export type Sample = Measured & ProcessFigures

export class SoakedProcess {
  readonly name: string
  readonly #child: NodeChild

  constructor(folder: string, name: string, order: Begin, told: (told: Told) => void) {
    this.name = name
    this.#child = new NodeChild({ folder, name, order, told, execArgv: ['--expose-gc'] })
  }

  get link(): string {
    return this.#child.link
  }

  /** With /p2p/. */
  get address(): string {
    return this.#child.address
  }

  start(): Promise<void> {
    return this.#child.start()
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    const code = await this.#child.stop()
    if (code !== 0) throw new Error(`${this.name} ended with ${code}`)
  }

  /** However it is: SIGKILL. */
  end(): Promise<void> {
    return this.#child.end()
  }

  tell(order: Order): void {
    this.#child.tell(order)
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
    if (!('measured' in told)) throw new Error(`${this.name} is not measured`)
    return { ...told.measured, ...(await processFigures(this.#child.pid)) }
  }

  async #ask(order: Order, answer: string): Promise<Told> {
    const told = await this.#child.ask(order, answer)
    if (told === undefined) throw new Error(`${this.name} does not run`)
    return told
  }
}
