/** What a deposit costs, step by step: processor time of the thread that does it, at the mailbox and at the depositor, 64 at a time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Deposits } from '../mailbox/deposits.ts'
import { keys } from '../mailbox/level/keys.ts'
import { LevelMailboxStore } from '../mailbox/level/level-store.ts'
import { Rules } from '../mailbox/rules.ts'
import { TimeBase } from '../mailbox/time-base.ts'
import { decodeMailboxFrame, encodeMailboxFrame } from '../net/mailbox-messages.ts'
import { openHome } from '../net/platform/home.ts'
import { systemClock as clock } from '../net/platform/clock.ts'
import { platformRandom, pooled } from '../net/platform/random.ts'
import { Records } from '../net/records.ts'
import { sealValue } from '../net/sealed-value.ts'
import { envelopeDigest } from '../protocol/custody.ts'
import { openReceipt, signCustody } from '../protocol/receipt.ts'
import type { Home } from '../net/platform/home.ts'
import type { Account } from '../protocol/account.ts'
import type { Custody, CustodyRoot } from '../protocol/receipt.ts'
import { ENVELOPE_BYTES } from './mailbox/orders.ts'
import type { Bench, Case } from './rounds.ts'

const TOGETHER = 64
const RUNS = 200

/** Records of a deposit before they are sealed: item, promise, expiry. */
const RECORD_BYTES = [ENVELOPE_BYTES + 37, 41, 30] as const
const SEAL_BYTES = 40
/** Receipts that are signed together. */
const SIGNED = 32

const PLENTY = 1e9
const random = pooled(platformRandom)

export async function depositBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
  const home = await openHome(folder, { create: {} })
  const records = new Records({ ...home, clock, random })
  const mail = madeMail(home.account)
  const cases = [
    ...depositorSteps(mail),
    ...mailboxSteps(mail, home),
    of('accept', 'mailbox', await accepting(mail, records)),
  ]
  const end = async (): Promise<void> => {
    await records.close()
    await home.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { cases, end }
}

interface Mail {
  /** Of mailbox and owner alike. */
  readonly account: Account
  readonly envelopes: readonly Uint8Array[]
  readonly promises: readonly Custody[]
  /** Under one signature for `SIGNED` of them, and each under its own. */
  readonly together: readonly Uint8Array[]
  readonly alone: readonly Uint8Array[]
}

function madeMail(account: Account): Mail {
  const envelopes = Array.from({ length: TOGETHER }, newEnvelope)
  const promises = envelopes.map((envelope) => {
    return { owner: account.key, envelopeDigest: envelopeDigest(envelope), keptUntil: clock.now() }
  })
  const alone = promises.flatMap((one) => signCustody(account, [one]))
  return { account, envelopes, promises, together: signAll(account, promises), alone }
}

function depositorSteps(mail: Mail): readonly Case[] {
  const { envelopes, together, alone } = mail
  const answers = together.map(answerOf)
  return [
    of('write-request', 'depositor', () => requestsOf(mail).forEach(frameOf)),
    of('digest', 'depositor', () => envelopes.forEach(envelopeDigest)),
    of('read-answer', 'depositor', () => answers.forEach(decodeMailboxFrame)),
    of('verify', 'depositor', () => verifyAll(mail, together)),
    of('verify-alone', 'depositor', () => verifyAll(mail, alone)),
  ]
}

function mailboxSteps(mail: Mail, { store, dataKey }: Pick<Home, 'store' | 'dataKey'>) {
  const { account, envelopes, promises, together } = mail
  const requests = requestsOf(mail).map(frameOf)
  const plain = RECORD_BYTES.map((length) => new Uint8Array(length))
  const sealed = RECORD_BYTES.map((length) => new Uint8Array(length + SEAL_BYTES))
  const seal = (value: Uint8Array): Uint8Array => sealValue(dataKey, newName(), value, random)
  const put = (value: Uint8Array) => ({ type: 'put', key: newName(), value }) as const
  return [
    of('read-request', 'mailbox', () => requests.forEach(decodeMailboxFrame)),
    of('digest', 'mailbox', () => envelopes.forEach(envelopeDigest)),
    of('seal', 'mailbox', () => envelopes.forEach(() => plain.forEach(seal))),
    of('batch', 'mailbox', () =>
      store.batch(
        envelopes.flatMap(() => sealed.map(put)),
        SYNCED,
      ),
    ),
    of('sign', 'mailbox', () => signAll(account, promises)),
    of('sign-alone', 'mailbox', () => promises.forEach((one) => signCustody(account, [one]))),
    of('write-answer', 'mailbox', () => together.forEach(answerOf)),
  ]
}

/** All that a mailbox does between reading a request and writing its answer. */
async function accepting(mail: Mail, records: Records): Promise<() => Promise<unknown>> {
  const { account } = mail
  const boundless = PLENTY * PLENTY
  const rules = new Rules({
    limits: { ownerMessages: PLENTY, ownerBytes: boundless, budgetBytes: boundless },
  })
  const { limits } = rules
  const store = new LevelMailboxStore({ records, clock, limits })
  await store.start()
  await store.join(account.key)
  const time = new TimeBase({ store, clock })
  const deposits = new Deposits({ account, store, clock, time, limits })
  return () => Promise.all(requestsOf(mail).map((request) => deposits.accept(request)))
}

function requestsOf({ account, envelopes }: Mail) {
  return envelopes.map((envelope) => {
    return { owner: account.key, depositId: random(16), envelope, token: NONE }
  })
}

function frameOf(value: ReturnType<typeof requestsOf>[number]): Uint8Array {
  return encodeMailboxFrame(1, { case: 'deposit', value })
}

function answerOf(signed: Uint8Array): Uint8Array {
  return encodeMailboxFrame(1, { case: 'custody', value: { signed } })
}

function signAll(account: Account, promises: readonly Custody[]): readonly Uint8Array[] {
  const starts = Array.from({ length: TOGETHER / SIGNED }, (_, i) => i * SIGNED)
  return starts.flatMap((at) => signCustody(account, promises.slice(at, at + SIGNED)))
}

function verifyAll({ account, promises }: Mail, receipts: readonly Uint8Array[]): void {
  let root: CustodyRoot | undefined
  for (const [i, receipt] of receipts.entries()) {
    const digest = promises[i]?.envelopeDigest ?? NONE
    const expected = { mailbox: account.key, owner: account.key, envelopeDigest: digest }
    root = openReceipt(receipt, expected, root).root
  }
}

function newName(): string {
  return keys.receipt(1, random(16))
}

const NONE = new Uint8Array(0)

/** An option of LevelDB that the common type leaves out. */
const SYNCED: object = { sync: true }

/** Microseconds for one of `TOGETHER`. */
function of(job: string, subject: string, run: () => unknown): Case {
  const measure = async (): Promise<number> => {
    const { user, system } = process.threadCpuUsage()
    for (let i = 0; i < RUNS; i++) await run()
    const used = process.threadCpuUsage()
    return (used.user + used.system - user - system) / (RUNS * TOGETHER)
  }
  return { job, subject, unit: 'µs', run: measure }
}

/** Of a session, as far as a mailbox looks at it. */
function newEnvelope(): Uint8Array {
  const bytes = new Uint8Array(platformRandom(ENVELOPE_BYTES))
  bytes.set([1, 1])
  return bytes
}
