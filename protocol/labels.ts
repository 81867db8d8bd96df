// Every label of the key schedule, once (docs/protocol.md, "Labels"). A test asserts that none is used twice.

import { concat, u8, utf8 } from './bytes.ts'

/** First byte of every envelope. */
export const PROTOCOL_VERSION = 1

/** The one suite of this major version; it is in every handshake transcript and every bundle. */
export const SUITE = 'sotto/1 X25519 ML-KEM-768 BLAKE2b XChaCha20-Poly1305 Ed25519'

/** Precedes a signed X25519 key. */
export const KEY_TYPE_X25519 = 1
/** Precedes a signed ML-KEM-768 key. */
export const KEY_TYPE_ML_KEM_768 = 2

/** Labels of keyed and unkeyed BLAKE2b (`G`), by key length. */
export const labels = {
  none: [
    'pqxdh pre',
    'pqxdh full',
    'bundle',
    'kem key',
    'kem text',
    'tag body',
    'safety',
    'envelope',
    'dht key',
    'token',
    'link',
    'accepted key',
    'commit',
    'host',
    'custody leaf',
    'custody node',
  ],
  key64: [
    'pqxdh identity',
    'identity key',
    'identity salt',
    'pqxdh',
    'root',
    'header a',
    'header b',
    'epoch 0',
    'session id',
    'ratchet',
    'epoch',
    'message',
  ],
  key32: ['continuity', 'salt', 'tag', 'log name', 'mark'],
} as const

/** One use of an unkeyed hash. */
export type HashLabel = (typeof labels.none)[number]
/** One use of a keyed hash. */
export type KeyedLabel = (typeof labels.key64)[number] | (typeof labels.key32)[number]
export type Label = HashLabel | KeyedLabel

/** Contexts of `crypto_kdf` (`D`), exactly 8 ASCII characters, and the ids in use. */
export const kdfContexts = {
  So1Root_: [1, 2, 3],
  So1Chain: [1],
  So1Head_: [1, 2],
  So1Epoch: [1, 2, 3, 4],
} as const

export type KdfContext = keyof typeof kdfContexts

/** Associated data of a sealed header starts with this text. */
export const HEADER_AD = utf8('sotto/1 header')

/** Domains of libp2p signed envelopes, one for each use. The last three are signed by a mailbox. */
export const domains = {
  bundle: 'sotto/1 bundle',
  device: 'sotto/1 device',
  oneTime: 'sotto/1 one-time',
  mailboxLogin: 'sotto/1 mailbox login',
  custody: 'sotto/1 custody',
  handOut: 'sotto/1 hand-out',
  retirement: 'sotto/1 retirement',
} as const

export type Domain = (typeof domains)[keyof typeof domains]

/** `L(x)`: the length of the text, then `sotto/1 ` and the label. */
export function labelBytes(label: Label): Uint8Array {
  let bytes = encoded.get(label)
  if (bytes === undefined) {
    const text = utf8(`sotto/1 ${label}`)
    bytes = concat(u8(text.length), text)
    encoded.set(label, bytes)
  }
  return bytes
}

const encoded = new Map<Label, Uint8Array>()
