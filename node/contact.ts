// What a node knows of one contact, as a value, and its stored form. Who may change it: the conversation with that contact,
// under its lock (conversation.ts).

import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import {
  ContactRecordSchema,
  type StoredIdleSession,
  type StoredIdleSessionSchema,
  type StoredIrregularities,
} from '../protocol/generated/store_pb.ts'
import { verifyBundle } from '../protocol/bundle.ts'
import type { AccountKey } from '../protocol/account.ts'
import { accountKey } from '../protocol/account.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import { toHex, type RandomBytes } from '../protocol/bytes.ts'
import type { FetchedMark } from '../protocol/content.ts'
import { NO_HANDSHAKES, type Handshakes } from '../protocol/sessions.ts'
import { peerName } from '../net/peer-name.ts'
import type { PeerName } from '../net/ports.ts'
import type { BundlePath, ContactId, ContactShort, Trust } from './api.ts'
import type { MailboxHint } from './bundle-finder.ts'
import type { FreshStart } from './fresh-start.ts'
import type { Gap } from './gaps.ts'
import type { HandOutNote } from './hand-out.ts'
import { NO_IRREGULARITIES, type Irregularities } from './irregular.ts'
import type { IdleSession } from './idle.ts'
import type { Doubt } from './promises.ts'
import { NO_RENEWAL, type Renewal } from './renewal.ts'
import type { Series } from './series.ts'
import type { SendsSince } from './session-age.ts'
import { readGap, storedGap } from './stored-gaps.ts'
import { readRenewal, readSeries, storedRenewal, storedSeries } from './stored-renewal.ts'
import { readHandshakes, storedHandshakes } from './stored-handshakes.ts'
import { readTokens, storedTokens, type Tokens } from './stored-tokens.ts'
import { secretsOfIssued } from './issued-tokens.ts'
import { NO_TOKENS } from './their-tokens.ts'
import type { Secret } from '../protocol/secret.ts'
import { toInteger } from '../protocol/protobuf.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'

export interface KnownBundle {
  readonly verified: VerifiedBundle
  readonly path: BundlePath
  readonly from: PeerName
}

export interface ContactState extends Tokens {
  readonly id: ContactId
  readonly account: AccountKey
  readonly peer: PeerName
  readonly name: string
  readonly state: 'requested' | 'accepted' | 'blocked'
  /** What a blocked contact is again when it is let in; undefined for others. */
  readonly blockedFrom: 'requested' | 'accepted' | undefined
  readonly trust: Trust
  readonly addedAt: number
  readonly verifiedAt: number
  /** Multiaddrs and mailboxes from the contact's link. */
  readonly addresses: readonly string[]
  readonly mailboxes: readonly MailboxHint[]
  readonly bundle: KnownBundle | undefined
  /** Highest ever accepted: neither goes back, also when a bundle is dropped. */
  readonly bundleSequence: number
  readonly certificateSequence: number
  /** 32 bytes of the device key last seen; empty before. */
  readonly identityKey: Uint8Array
  readonly handshakes: Handshakes
  readonly renewal: Renewal
  /** Undefined when our last handshake is answered. */
  readonly series: Series | undefined
  readonly freshStarts: readonly FreshStart[]
  /** Sessions that do not send any more. */
  readonly idle: readonly IdleSession[]
  /** Undefined while none was found to send. */
  readonly sends: SendsSince | undefined
  readonly sentCounter: number
  /** The highest of theirs. */
  readonly receivedCounter: number
  /** What of theirs is missing below it, rising. */
  readonly gaps: readonly Gap[]
  /** Envelopes opened since we last sent one. */
  readonly unanswered: number
  /** Unix ms when a text of theirs opened that nothing of ours was sealed after; 0 if there is none. */
  readonly unansweredSince: number
  readonly profileSent: boolean
  readonly irregularities: Irregularities
  readonly handOut: HandOutNote | undefined
  /** Names a session in which their messages contradict each other, until they are told (`Handshake.mark`, 16 bytes). */
  readonly divergence: Uint8Array | undefined
  /** How far our mailboxes have handed over their messages. */
  readonly fetched: readonly FetchedMark[]
  /** Mailboxes of theirs that may have lost something. */
  readonly doubts: readonly Doubt[]
  /** Unix ms when it came back from a backup, until the conversation has begun again; 0 otherwise. */
  readonly restoredAt: number
}

export interface NewContact {
  readonly account: AccountKey
  readonly name: string
  readonly state: 'requested' | 'accepted'
  readonly addresses: readonly string[]
  readonly mailboxes: readonly MailboxHint[]
  readonly now: number
}

/** A contact we know nothing of but its account. Its id is local and random: it says nothing about the account. */
export function newContact(init: NewContact, random: RandomBytes): ContactState {
  return {
    id: `c_${toHex(random(8))}`,
    account: init.account,
    peer: peerName(init.account),
    name: init.name,
    state: init.state,
    blockedFrom: undefined,
    trust: 'unverified',
    addedAt: init.now,
    verifiedAt: 0,
    addresses: init.addresses,
    mailboxes: init.mailboxes,
    bundle: undefined,
    bundleSequence: 0,
    certificateSequence: 0,
    identityKey: new Uint8Array(0),
    handshakes: NO_HANDSHAKES,
    renewal: NO_RENEWAL,
    series: undefined,
    freshStarts: [],
    idle: [],
    sends: undefined,
    sentCounter: 0,
    receivedCounter: 0,
    gaps: [],
    unanswered: 0,
    unansweredSince: 0,
    profileSent: false,
    irregularities: NO_IRREGULARITIES,
    handOut: undefined,
    divergence: undefined,
    fetched: [],
    doubts: [],
    restoredAt: 0,
    tokens: [],
    tokenRevision: 0,
    theirTokens: NO_TOKENS,
  }
}

/** What somebody is called who has not been given a name: the end of the PeerId, where the differences are. */
export function defaultName(peer: PeerName): string {
  return `peer-${peer.slice(-8)}`
}

export function contactShort(contact: ContactState): ContactShort {
  return { id: contact.id, name: contact.name, trust: contact.trust }
}

const STATES = ['requested', 'accepted', 'blocked'] as const
const TRUST = ['unverified', 'verified', 'changed'] as const
const PATHS = ['direct', 'mailbox', 'dht'] as const

export function trustNumber(trust: Trust): number {
  return TRUST.indexOf(trust) + 1
}

export function trustFrom(number: number): Trust {
  return TRUST[number - 1] ?? 'changed'
}

/** The stored form. */
export function encodeContact(contact: ContactState): Uint8Array {
  return toBinary(
    ContactRecordSchema,
    create(ContactRecordSchema, {
      version: RECORD_VERSION,
      account: contact.account,
      name: contact.name,
      state: STATES.indexOf(contact.state) + 1,
      blockedFrom: contact.blockedFrom === undefined ? 0 : STATES.indexOf(contact.blockedFrom) + 1,
      trust: trustNumber(contact.trust),
      addedAt: BigInt(contact.addedAt),
      verifiedAt: BigInt(contact.verifiedAt),
      addresses: [...contact.addresses],
      mailboxes: contact.mailboxes.map((mailbox) => ({
        account: mailbox.account,
        addresses: [...mailbox.addresses],
      })),
      bundle: contact.bundle?.verified.bytes ?? new Uint8Array(0),
      bundlePath: contact.bundle === undefined ? 0 : PATHS.indexOf(contact.bundle.path) + 1,
      bundleFrom: contact.bundle?.from ?? '',
      bundleSequence: BigInt(contact.bundleSequence),
      certificateSequence: BigInt(contact.certificateSequence),
      identityKey: contact.identityKey,
      ...storedHandshakes(contact.handshakes),
      renewal: storedRenewal(contact.renewal),
      ...storedSeries(contact.series),
      freshStarts: contact.freshStarts.map(({ sessionId, at }) => ({ sessionId, at: BigInt(at) })),
      idle: contact.idle.map(storedSince),
      ...(contact.sends && { sends: storedSince(contact.sends) }),
      sentCounter: BigInt(contact.sentCounter),
      receivedCounter: BigInt(contact.receivedCounter),
      gaps: contact.gaps.map(storedGap),
      unanswered: contact.unanswered,
      unansweredSince: BigInt(contact.unansweredSince),
      profileSent: contact.profileSent,
      irregularities: contact.irregularities,
      ...(contact.handOut && { handOut: contact.handOut }),
      divergence: contact.divergence ?? new Uint8Array(0),
      fetched: contact.fetched.map((mark) => ({ ...mark, counter: BigInt(mark.counter) })),
      doubts: contact.doubts.map((doubt) => ({ ...doubt, at: BigInt(doubt.at) })),
      restoredAt: BigInt(contact.restoredAt),
      ...storedTokens(contact),
    }),
  )
}

/** Reads the stored form. A bundle that is no longer valid at `now` is left out; its sequence stays remembered. */
export function decodeContact(id: ContactId, bytes: Uint8Array, now: number): ContactState {
  const record = decodeRecord(ContactRecordSchema, bytes)
  const account = accountKey(record.account)
  return {
    id,
    account,
    peer: peerName(account),
    name: record.name,
    ...readState(record),
    trust: trustFrom(record.trust),
    addedAt: toInteger(record.addedAt),
    verifiedAt: toInteger(record.verifiedAt),
    addresses: record.addresses,
    mailboxes: record.mailboxes.map((mailbox) => ({
      account: accountKey(mailbox.account),
      addresses: mailbox.addresses,
    })),
    bundle: storedBundle(record, account, now),
    bundleSequence: toInteger(record.bundleSequence),
    certificateSequence: toInteger(record.certificateSequence),
    identityKey: record.identityKey,
    handshakes: readHandshakes(record),
    renewal: readRenewal(record.renewal),
    series: readSeries(record.series),
    freshStarts: record.freshStarts.map(({ sessionId, at }) => ({ sessionId, at: toInteger(at) })),
    idle: record.idle.map(readSince),
    sends: record.sends && readSince(record.sends),
    sentCounter: toInteger(record.sentCounter),
    receivedCounter: toInteger(record.receivedCounter),
    gaps: record.gaps.map(readGap),
    unanswered: record.unanswered,
    unansweredSince: toInteger(record.unansweredSince),
    profileSent: record.profileSent,
    irregularities: readIrregularities(record.irregularities),
    handOut: record.handOut && {
      sessionId: record.handOut.sessionId,
      note: record.handOut.note,
    },
    divergence: record.divergence.length === 0 ? undefined : record.divergence,
    fetched: record.fetched.map(({ mailbox, counter }) => ({
      mailbox,
      counter: toInteger(counter),
    })),
    doubts: record.doubts.map(({ mailbox, messages, at }) => ({
      ...{ mailbox, messages },
      at: toInteger(at),
    })),
    restoredAt: toInteger(record.restoredAt),
    ...readTokens(record),
  }
}

/** The same without the secrets in it. */
export function withoutTokens(contact: ContactState): ContactState {
  return { ...contact, tokens: [], theirTokens: NO_TOKENS }
}

/** The secrets in what is known of a contact. */
export function contactSecrets({ tokens, theirTokens }: ContactState): readonly Secret[] {
  return [...secretsOfIssued(tokens), ...theirTokens.tokens.map(({ token }) => token)]
}

function storedSince({
  sessionId,
  since,
}: SendsSince | IdleSession): MessageInitShape<typeof StoredIdleSessionSchema> {
  return { sessionId, since: BigInt(since) }
}

function readSince({ sessionId, since }: StoredIdleSession): IdleSession {
  return { sessionId, since: toInteger(since) }
}

function readState(record: {
  readonly state: number
  readonly blockedFrom: number
}): Pick<ContactState, 'state' | 'blockedFrom'> {
  const state = STATES[record.state - 1] ?? 'requested'
  if (state !== 'blocked') return { state, blockedFrom: undefined }
  return { state, blockedFrom: record.blockedFrom === 2 ? 'accepted' : 'requested' }
}

function readIrregularities(stored: StoredIrregularities | undefined): Irregularities {
  if (stored === undefined) return NO_IRREGULARITIES
  const { contents, items, diverged, reported } = stored
  return { contents, items, diverged, reported }
}

interface StoredBundleFields {
  readonly bundle: Uint8Array
  readonly bundlePath: number
  readonly bundleFrom: string
}

function storedBundle(
  record: StoredBundleFields,
  account: AccountKey,
  now: number,
): KnownBundle | undefined {
  const path = PATHS[record.bundlePath - 1]
  if (record.bundle.length === 0 || path === undefined) return undefined
  try {
    const verified = verifyBundle(record.bundle, { account, now })
    return { verified, path, from: record.bundleFrom as PeerName }
  } catch {
    return undefined // lapsed while we were away; the finder gets a new one
  }
}
