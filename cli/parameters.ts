// Pieces of which the commands' flags and arguments are made.

import { numberParser } from '@stricli/core'

const text = (value: string): string => value

/** A word on the command line. */
export const argument = (placeholder: string, brief: string) => ({
  placeholder,
  brief,
  parse: text,
})

/** `--flag VALUE` */
export const optionalText = (placeholder: string, brief: string) =>
  ({ kind: 'parsed', optional: true, parse: text, placeholder, brief }) as const

/** `--flag`, without a negated form. */
export const off = (brief: string) =>
  ({ kind: 'boolean', default: false, withNegated: false, brief }) as const

/** `--flag N` with a default. */
export const count = (brief: string, fallback: string) =>
  ({ kind: 'parsed', parse: numberParser, default: fallback, placeholder: 'N', brief }) as const

/** `--flag VALUE` with a default. */
export const textOr = (placeholder: string, brief: string, fallback: string) =>
  ({ kind: 'parsed', parse: text, default: fallback, placeholder, brief }) as const

/** `--flag N`, which may be left out. */
export const numberOf = (placeholder: string, brief: string) =>
  ({ kind: 'parsed', optional: true, parse: numberParser, placeholder, brief }) as const

const addresses = (brief: string) =>
  ({
    kind: 'parsed',
    optional: true,
    variadic: true,
    parse: text,
    placeholder: 'ADDR',
    brief,
  }) as const

/** How a node or a mailbox is reached. */
export const addressFlags = {
  listen: addresses('Address to listen on, such as /ip4/0.0.0.0/tcp/4601 (may be repeated)'),
  announce: addresses('Address to announce instead (may be repeated)'),
  bootstrap: addresses('Address of a peer that knows the network (may be repeated)'),
  replication: {
    kind: 'parsed',
    optional: true,
    parse: numberParser,
    placeholder: 'N',
    brief: 'Peers that hold a record; for test networks',
  },
} as const

/** How a mailbox is watched. */
export const monitorFlags = {
  metrics: optionalText(
    'HOST:PORT',
    'Serve health and metrics over HTTP, for instance at 127.0.0.1:9464',
  ),
  log: optionalText(
    'LEVEL',
    'Write a log to stdout, a line of JSON each: error, warn, info, debug',
  ),
} as const

/** The same for a chat node. */
export const networkFlags = {
  ...addressFlags,
  lan: { kind: 'boolean', optional: true, brief: 'Find peers on the local network' },
} as const
