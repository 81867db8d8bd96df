/** Parsers of what an operator writes and what a mailbox keeps of it. */
import { ConfigError, readConfig } from '../../../mailbox/config/read.ts'
import { encodeInvitations, readInvitations } from '../../../mailbox/invitations.ts'
import type { InvitationList } from '../../../mailbox/invitations.ts'
import { parseSize } from '../../../net/units.ts'
import { utf8 } from '../../../protocol/bytes.ts'
import { DecodeError } from '../../../protocol/errors.ts'
import { reader } from '../../../protocol/reader.ts'
import { textOf } from '../examples.ts'
import type { Parser } from '../parser.ts'
import { CampaignError, parser } from '../parser.ts'

const CONFIG = `
[host]
listen = ["tcp/4601", "ws/4602"]
public = "mail.example.org" # its name
[policy]
join = "invite"
new_members = true
[quota]
per_member_bytes = "50MiB"
per_member_messages = 2000
keep_messages = "14d"
[rate]
deposits_per_address = "60 burst, 1/5s"
[metrics]
listen = "127.0.0.1:9464"
`

const INVITATIONS: InvitationList = {
  last: 7,
  invitations: [
    {
      ...{ id: 3, hash: new Uint8Array(32).fill(3), used: 1, label: 'family' },
      ...{ uses: 5, expiresAt: 1_800_000_000_000, quota: { bytes: 1_000_000, messages: 50 } },
    },
    {
      ...{ id: 7, hash: new Uint8Array(32).fill(7), used: 0, label: '' },
      ...{ uses: undefined, expiresAt: undefined, quota: undefined },
    },
  ],
}

export function operatorParsers(): readonly Parser[] {
  const sizes = ['1B', '50MiB', ' 1.5GiB ', '999TiB', '10MB']
  return [
    parser({
      ...{ name: 'configuration of a mailbox', covers: ['mailbox readConfig'], shape: 'bytes' },
      ...{ examples: [utf8(CONFIG), utf8('')], errors: [ConfigError], read: configured },
    }),
    parser({
      ...{ name: 'size', covers: ['net parseSize'], shape: 'bytes' },
      ...{ examples: sizes.map(utf8), maxBytes: 40, errors: [] },
      read: (input) => parseSize(textOf(input)),
    }),
    parser({
      ...{ name: 'stored invitations', covers: ['mailbox readInvitations'], shape: 'bytes' },
      ...{ examples: [encodeInvitations(INVITATIONS)], errors: [DecodeError] },
      read: (input) => readInvitations(reader(input)),
      write: encodeInvitations,
    }),
  ]
}

/** Whatever is not refused has a value for every key. */
function configured(input: Uint8Array): unknown {
  const { config } = readConfig({ file: { path: 'mailbox.toml', text: textOf(input) } })
  if (config.quota.per_member_bytes < 1 || config.host.listen.length > 1000) {
    throw new CampaignError('a value that its kind does not allow')
  }
  return config
}
