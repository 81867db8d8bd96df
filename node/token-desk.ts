// Issues delivery tokens to contacts, has them known at our mailboxes, and then tells the contacts (docs/protocol.md, "Delivery
// tokens"):
//
//   issued, in the store ── the mailbox has the whole list ──> registered ── in a profile, in the outbox ──> told
//
// After a restart every mailbox gets the list again, so what is registered is remembered for one run only.

import { equalBytes, toHex, type RandomBytes } from '../protocol/bytes.ts'
import { deliveryTokenHash } from '../protocol/delivery-token.ts'
import type { AccountKey } from '../protocol/account.ts'
import { between } from '../net/backoff.ts'
import { MailboxError } from '../net/mailbox-error.ts'
import { MAX_TOKENS } from '../net/mailbox-messages.ts'
import type { TokenSlot } from '../net/mailbox-client.ts'
import { accountOf } from '../net/peer-name.ts'
import type { Clock, PeerName, Timer } from '../net/ports.ts'
import { mayTellTokens } from './compose.ts'
import type { ContactBook } from './contacts.ts'
import type { Conversation } from './conversation.ts'
import type { Draft } from './draft.ts'
import {
  endedPrevious,
  issueToken,
  renewToken,
  replaceTokens,
  slotsOf,
  tokenAt,
  type IssuedToken,
} from './issued-tokens.ts'
import { HOUR, TOKEN_OVERLAP } from './lifetimes.ts'

/** Where several contacts have something new, each is told at a time of its own: so long for each of them, and at most an hour in all. */
const SPREAD = { each: 10_000, most: HOUR }

export interface TokenDeskInit {
  readonly book: () => ContactBook
  readonly clock: Clock
  /** The platform's generator. */
  readonly random: RandomBytes
  /** All mailboxes that we have enrolled with. */
  readonly mailboxes: () => readonly AccountKey[]
  /** The list has changed: `OwnMailboxes` is to bring it to every mailbox. */
  readonly changed: () => void
}

export class TokenDesk {
  readonly #init: TokenDeskInit
  /** Hashes that a mailbox has accepted in this run, in hex, by the hex of its account. */
  readonly #registered = new Map<string, ReadonlySet<string>>()
  /** Contacts that will be told. */
  readonly #planned = new Map<Conversation, Timer>()
  #version = 0
  #running: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(init: TokenDeskInit) {
    this.#init = init
  }

  /** Rises when a mailbox has to get the list again. */
  get version(): number {
    return this.#version
  }

  /** Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#planned.values()) timer.cancel()
    this.#planned.clear()
    await this.#running
  }

  readonly isRegistered = ({ mailbox, token }: IssuedToken): boolean =>
    this.#registered.get(toHex(mailbox))?.has(toHex(deliveryTokenHash(token))) ?? false

  /** Whether a contact should have tokens, or should not, has changed. */
  changed(): void {
    this.#version++
    this.#init.changed()
  }

  /**
   * Gives a mailbox the whole list, once every contact that should has a token for it, and then tells the contacts. At most 1024;
   * where the operator keeps fewer, half of them, and so on. Rejects as `put`.
   */
  async bring(
    mailbox: AccountKey,
    put: (slots: readonly TokenSlot[]) => Promise<void>,
  ): Promise<void> {
    await this.#issue(mailbox).catch(() => undefined) // the store refuses: those that there are are good
    let slots = this.#slots(mailbox)
    while (!(await isTaken(put(slots.toSorted(byHash)), slots.length))) {
      slots = slots.slice(0, Math.floor(slots.length / 2))
    }
    this.#registered.set(toHex(mailbox), new Set(slots.map(({ hash }) => toHex(hash))))
    this.#tellAll()
  }

  /** Who sees what we send, and to whom, shall not see all contacts in one moment. What a crash leaves is told after the next start. */
  #tellAll(): void {
    const due = this.#all().filter(({ contact }) => mayTellTokens(contact, this))
    if (due.length === 1) return due.forEach((conversation) => this.tell(conversation))
    const { clock, random } = this.#init
    const span = Math.min(SPREAD.most, SPREAD.each * due.length)
    for (const conversation of due) {
      if (this.#stopped || this.#planned.has(conversation)) continue
      const timer = clock.after(between(0, span, random), () => {
        this.#planned.delete(conversation)
        this.tell(conversation)
      })
      this.#planned.set(conversation, timer)
    }
  }

  /** What the mailbox has to know: those before the present ones come last, so that they go first when there are too many. */
  #slots(mailbox: AccountKey): readonly TokenSlot[] {
    const lists = this.#issued(mailbox).map(slotsOf)
    const present = lists.flatMap((list) => list.slice(0, 1))
    return [...present, ...lists.flatMap((list) => list.slice(1))].slice(0, MAX_TOKENS)
  }

  /** Tells a contact of its tokens, if there is something new and a session to say it in. */
  tell(conversation: Conversation): void {
    if (this.#stopped || !mayTellTokens(conversation.contact, this)) return
    this.#run(() => conversation.tellTokens())
  }

  /** Who has this slot at the mailbox. */
  owners(mailbox: PeerName): ReadonlyMap<number, Conversation> {
    const account = accountOf(mailbox)
    return new Map(
      this.#all().flatMap((conversation) => {
        const issued = tokenAt(conversation.contact.tokens, account)
        return issued === undefined ? [] : [[issued.slot, conversation]]
      }),
    )
  }

  /** Mail of this contact came from the mailbox without its token: it may have lost it, and is told again, once a day. */
  missed(conversation: Conversation, mailbox: PeerName): void {
    const account = accountOf(mailbox)
    const now = this.#init.clock.now()
    const issued = tokenAt(conversation.contact.tokens, account)
    if (issued === undefined || issued.due || Math.abs(now - issued.toldAt) < TOKEN_OVERLAP) return
    this.#run(async () => {
      await conversation.step((draft) => {
        const tokens = draft.contact.tokens.map((held) =>
          held.slot === issued.slot ? { ...held, due: true } : held,
        )
        draft.patch({ tokens })
      })
      await conversation.tellTokens()
    })
  }

  /** What time makes due: tokens are replaced, and those before them end. Rejects with `StoreError`. */
  async maintain(): Promise<void> {
    await this.#renew((issued, now) => issued.renewAt <= now)
  }

  /** Replaces all of them before their time. Rejects with `StoreError`. */
  async rotate(): Promise<void> {
    await this.#renew(() => true)
  }

  async #renew(isDue: IsDue): Promise<void> {
    const now = this.#init.clock.now()
    const old = this.#all().filter(({ contact }) =>
      contact.tokens.some((issued) => this.#isOld(issued, isDue, now)),
    )
    await Promise.all(
      old.map((conversation) => conversation.step((draft) => this.#replaceOld(draft, isDue))),
    )
    const lacking = this.#init.mailboxes().some((mailbox) => this.#lacking(mailbox).length > 0)
    if (old.length > 0 || lacking) this.changed()
  }

  #replaceOld(draft: Draft, isDue: IsDue): void {
    const { random } = this.#init
    const { now } = draft
    const next = draft.contact.tokens
      .filter(({ mailbox }) => this.#isOurs(mailbox))
      .map((issued) => endedPrevious(issued, now))
      .map((issued) => (isDue(issued, now) ? renewToken(issued, now, random) : issued))
    replaceTokens(draft, next)
  }

  #isOld(issued: IssuedToken, isDue: IsDue, now: number): boolean {
    if (!this.#isOurs(issued.mailbox) || isDue(issued, now)) return true
    return endedPrevious(issued, now) !== issued
  }

  #isOurs(mailbox: AccountKey): boolean {
    return this.#init.mailboxes().some((one) => equalBytes(one, mailbox))
  }

  /** Contacts that should have a token for this mailbox and have none, those that we know longest first. */
  #lacking(mailbox: AccountKey): readonly Conversation[] {
    const all = this.#all().filter(({ contact }) => contact.state === 'accepted')
    const lacking = all.filter(({ contact }) => tokenAt(contact.tokens, mailbox) === undefined)
    const room = MAX_TOKENS - (all.length - lacking.length)
    const byAge = lacking.toSorted((a, b) => a.contact.addedAt - b.contact.addedAt)
    return byAge.slice(0, Math.max(0, room))
  }

  async #issue(mailbox: AccountKey): Promise<void> {
    const { random } = this.#init
    const issue = (draft: Draft): void => {
      const { state, tokens } = draft.contact
      if (state !== 'accepted' || tokenAt(tokens, mailbox) !== undefined) return
      draft.patch({ tokens: [...tokens, issueToken(mailbox, draft.now, random)] })
    }
    await Promise.all(this.#lacking(mailbox).map((conversation) => conversation.step(issue)))
  }

  #issued(mailbox: AccountKey): readonly IssuedToken[] {
    return this.#all().flatMap(({ contact }) => tokenAt(contact.tokens, mailbox) ?? [])
  }

  #all(): readonly Conversation[] {
    return this.#init.book().all()
  }

  /** Never rejects: what the store refuses is done with the next list, or in an hour. */
  #run(task: () => Promise<void>): void {
    if (this.#stopped) return
    this.#running = Promise.all([this.#running, task().catch(() => undefined)])
  }
}

type IsDue = (issued: IssuedToken, now: number) => boolean

/** False when the mailbox keeps fewer than so many. */
async function isTaken(answer: Promise<void>, count: number): Promise<boolean> {
  try {
    await answer
    return true
  } catch (cause) {
    if (cause instanceof MailboxError && cause.code === 'ERR_QUOTA' && count > 0) return false
    throw cause
  }
}

/** An order that says nothing of the contacts. */
function byHash(a: TokenSlot, b: TokenSlot): number {
  return toHex(a.hash) < toHex(b.hash) ? -1 : 1
}
