// Lets go of what is due: of mail and pairs that are still there, and of what nobody ever referred to.

import { fromHex } from '../../protocol/bytes.ts'
import { Refusal } from '../refusal.ts'
import { names, readDue } from './names.ts'
import type { Box } from './box.ts'
import type { Boxes } from './boxes.ts'
import type { Mail } from './mail.ts'
import type { Due } from './names.ts'
import type { Shelf } from './shelf.ts'

/** Entries handled in one run. */
const RUN = 256

/** A bundle that is still the newest is looked at again after so long. */
const BUNDLE_MS = 62 * 24 * 60 * 60 * 1000

export interface SweepInit {
  readonly boxes: Boxes
  readonly mail: Mail
  readonly shelf: Shelf
}

export class Sweep {
  readonly #init: SweepInit

  constructor(init: SweepInit) {
    this.#init = init
  }

  /** True when there may be more. What is due stays so until everything is done: it may be done twice, by whomever. */
  async run(now: number): Promise<boolean> {
    const { entries } = this.#init.boxes
    const found = await entries.list(names.expiries, '', RUN)
    for (const name of found) {
      const due = readDue(name)
      if (due !== undefined && due.at > now) return false
      if (due !== undefined) await this.#let(due, now)
      await entries.clear(name)
    }
    return found.length === RUN
  }

  async #let(due: Due, now: number): Promise<void> {
    const { boxes } = this.#init
    const box = await boxes.find(fromHex(due.account))
    if (box?.id === due.box) {
      // The membership may end meanwhile: then there is nothing to do but what follows.
      await this.#inBox(box, due, now).catch((cause: unknown) => {
        if (!(cause instanceof Refusal)) throw cause
      })
    }
    if (due.kind === 'taken')
      return await boxes.entries.clear(names.taken(due.box, Number(due.entry)))
    if (due.kind === 'bundle' && box?.id === due.box && box.bundle === due.entry) return
    await boxes.entries.clear(names.blob(due.box, due.entry))
    if (box?.id !== due.box && due.kind === 'mail') {
      await boxes.entries.clear(names.receipt(due.box, due.depositId ?? ''))
    }
  }

  async #inBox(box: Box, due: Due, now: number): Promise<void> {
    const { boxes, mail, shelf } = this.#init
    const account = fromHex(due.account)
    if (due.kind === 'mail') await mail.expire(account, due.entry, due.depositId ?? '')
    if (due.kind === 'pair') await shelf.expire(account, due.entry)
    if (due.kind === 'bundle' && box.bundle === due.entry) await boxes.fallDue(due, now + BUNDLE_MS)
  }
}
