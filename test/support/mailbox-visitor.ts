// Speaks /sotto/mailbox/1 frame by frame, so that tests can say anything to a mailbox, also what no client says.
import { signLogin } from '../../protocol/custody.ts'
import {
  decodeMailboxFrame,
  encodeMailboxFrame,
  FAILURE,
  MAX_MAILBOX_FRAME_BYTES,
} from '../../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { accountOf } from '../../net/peer-name.ts'
import type { Account } from '../../protocol/account.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { MailboxBody, MailboxBodyInit, MailboxBodyName } from '../../net/mailbox-messages.ts'
import type { Channel, PeerName, Wire } from '../../net/ports.ts'

type Value<Name extends MailboxBodyName> = Extract<MailboxBody, { case: Name }>['value']

/** An envelope that was pushed or fetched. */
export interface Arrived {
  readonly id: bigint
  readonly envelope: Uint8Array
  readonly slot: number
}

/** One channel to a mailbox. */
export class MailboxVisitor {
  readonly channel: Channel
  readonly mailbox: PeerName
  /** Everything that arrived in items frames, answers and pushes alike. */
  readonly items: Arrived[] = []
  /** Resolves when the channel ends, with the reason if it broke. */
  readonly ended: Promise<unknown>
  readonly #random: RandomBytes
  readonly #waiting = new Map<number, (body: MailboxBody) => void>()
  readonly #hello = Promise.withResolvers<Uint8Array>()
  #over = Promise.withResolvers<never>()
  #id = 0

  constructor(channel: Channel, random: RandomBytes) {
    this.channel = channel
    this.mailbox = channel.peer
    this.#random = random
    this.#hello.promise.catch(() => undefined)
    this.#over.promise.catch(() => undefined)
    this.ended = this.#read().then(
      () => this.#end(undefined),
      (cause: unknown) => this.#end(cause),
    )
  }

  static async open(wire: Wire, mailbox: PeerName, random: RandomBytes): Promise<MailboxVisitor> {
    const { signal } = new AbortController()
    const options = { maxFrameBytes: MAX_MAILBOX_FRAME_BYTES, signal }
    const visitor = new MailboxVisitor(await wire.open(mailbox, MAILBOX_PROTOCOL, options), random)
    return visitor
  }

  /** The mailbox's nonce. */
  get hello(): Promise<Uint8Array> {
    return this.#hello.promise
  }

  /** The answer to a request, whatever it is. Rejects when the channel ends without one. */
  async request(body: MailboxBodyInit): Promise<MailboxBody> {
    const id = ++this.#id
    return await this.sendRaw(encodeMailboxFrame(id, body), id)
  }

  /** Sends any bytes, and waits for the answer with this id. */
  async sendRaw(frame: Uint8Array, id: number): Promise<MailboxBody> {
    const { promise, resolve } = Promise.withResolvers<MailboxBody>()
    this.#waiting.set(id, resolve)
    this.channel.send(frame)
    return await Promise.race([promise, this.#over.promise])
  }

  /** The answer, which has to be of this kind; a failure throws an error with the name of its code. */
  async ask<Name extends MailboxBodyName>(body: MailboxBodyInit, kind: Name): Promise<Value<Name>> {
    const answer = await this.request(body)
    if (answer.case === 'failure') throw new Error(codeName(answer.value.code))
    if (answer.case !== kind) throw new Error(`${answer.case} instead of ${kind}`)
    return answer.value as Value<Name>
  }

  async login(
    account: Account,
    change: Partial<Parameters<typeof signLogin>[1]> = {},
  ): Promise<void> {
    const ownerNonce = this.#random(16)
    const instanceId = change.instanceId ?? this.#random(16)
    const signed = signLogin(account, {
      mailbox: accountOf(this.mailbox),
      mailboxNonce: await this.hello,
      ownerNonce,
      instanceId,
      ...change,
    })
    await this.ask({ case: 'login', value: { nonce: ownerNonce, instanceId, signed } }, 'done')
  }

  async #read(): Promise<void> {
    for await (const run of this.channel.incoming) {
      for (const frame of run) this.#take(frame)
    }
  }

  #take(frame: Uint8Array): void {
    const { id, body } = decodeMailboxFrame(frame)
    if (body.case === 'hello') this.#hello.resolve(body.value.nonce)
    if (body.case === 'items') this.items.push(...body.value.items)
    this.#waiting.get(id)?.(body)
    this.#waiting.delete(id)
  }

  #end(cause: unknown): unknown {
    void this.channel.close()
    const error = new Error('the mailbox ended the channel', { cause })
    this.#over.reject(error)
    this.#hello.reject(error)
    return cause
  }
}

function codeName(code: number): string {
  return Object.entries(FAILURE).find(([, value]) => value === code)?.[0] ?? `code ${code}`
}
