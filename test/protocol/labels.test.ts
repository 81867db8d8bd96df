import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import {
  domains,
  HEADER_AD,
  kdfContexts,
  labelBytes,
  labels,
  PROTOCOL_VERSION,
  SUITE,
} from '../../protocol/labels.ts'
import { payloadType } from '../../protocol/signed-envelope.ts'

const all = Object.values(labels).flat()

test('no label is used twice', () => {
  expect(new Set(all).size).toBe(all.length)
})

test('no label is the start of another once it is encoded', () => {
  const encoded = all.map((label) => toHex(labelBytes(label)))
  for (const a of encoded) {
    expect(encoded.filter((b) => b.startsWith(a))).toEqual([a])
  }
})

test('a label states its length', () => {
  expect(toHex(labelBytes('tag'))).toBe(toHex(utf8('\u000bsotto/1 tag')))
})

test('contexts have 8 characters and ids of their own', () => {
  for (const [context, ids] of Object.entries(kdfContexts)) {
    expect(utf8(context)).toHaveLength(8)
    expect(new Set(ids).size).toBe(ids.length)
  }
})

test('domains and payload types are distinct', () => {
  const names = Object.values(domains)
  expect(new Set(names).size).toBe(names.length)
  expect(new Set(names.map((name) => toHex(payloadType(name)))).size).toBe(names.length)
})

test('the names on the wire are frozen', () => {
  expect(PROTOCOL_VERSION).toBe(1)
  expect(SUITE).toBe('sotto/1 X25519 ML-KEM-768 BLAKE2b XChaCha20-Poly1305 Ed25519')
  expect(HEADER_AD).toEqual(utf8('sotto/1 header'))
  expect({ labels, kdfContexts, domains }).toMatchInlineSnapshot(`
    {
      "domains": {
        "bundle": "sotto/1 bundle",
        "custody": "sotto/1 custody",
        "device": "sotto/1 device",
        "handOut": "sotto/1 hand-out",
        "mailboxLogin": "sotto/1 mailbox login",
        "oneTime": "sotto/1 one-time",
        "retirement": "sotto/1 retirement",
      },
      "kdfContexts": {
        "So1Chain": [
          1,
        ],
        "So1Epoch": [
          1,
          2,
          3,
          4,
        ],
        "So1Head_": [
          1,
          2,
        ],
        "So1Root_": [
          1,
          2,
          3,
        ],
      },
      "labels": {
        "key32": [
          "continuity",
          "salt",
          "tag",
          "log name",
          "mark",
        ],
        "key64": [
          "pqxdh identity",
          "identity key",
          "identity salt",
          "pqxdh",
          "root",
          "header a",
          "header b",
          "epoch 0",
          "session id",
          "ratchet",
          "epoch",
          "message",
        ],
        "none": [
          "pqxdh pre",
          "pqxdh full",
          "bundle",
          "kem key",
          "kem text",
          "tag body",
          "safety",
          "envelope",
          "dht key",
          "token",
          "link",
          "accepted key",
          "commit",
          "host",
          "custody leaf",
          "custody node",
        ],
      },
    }
  `)
})
