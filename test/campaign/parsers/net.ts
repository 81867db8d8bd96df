/** Parsers of `net/`: frames, messages of the mailbox protocol, names and addresses, what is at rest. */
import { addressBytes, addressText, addressTexts } from '../../../net/address.ts'
import { ChannelError } from '../../../net/channel-error.ts'
import { FrameDecoder, frameHeader } from '../../../net/frames.ts'
import { decodeEpochs, encodeEpochs, type EpochKey } from '../../../net/epoch-codec.ts'
import { decodeMailboxFrame, encodeMailboxFrame } from '../../../net/mailbox-messages.ts'
import { accountOf, peerName } from '../../../net/peer-name.ts'
import { HomeError } from '../../../net/platform/home-error.ts'
import { decodeIdentity, encodeIdentity } from '../../../net/platform/identity-codec.ts'
import { openIdentity, sealIdentity } from '../../../net/platform/identity-file.ts'
import { openValue, sealValue } from '../../../net/sealed-value.ts'
import { StoreError } from '../../../net/store-error.ts'
import { addressPrefix } from '../../../net/throttle.ts'
import { concat, equalBytes, utf8 } from '../../../protocol/bytes.ts'
import { generateSecret } from '../../../protocol/crypto.ts'
import { CryptoError, DecodeError } from '../../../protocol/errors.ts'
import { MailboxFrameSchema } from '../../../protocol/generated/mailbox_pb.ts'
import { seededRandom } from '../../support/random.ts'
import { ADDRESSES, account } from '../../make-vectors/people.ts'
import { Dice } from '../dice.ts'
import { exampleMessage, fromLatin, textOf, toLatin } from '../examples.ts'
import type { Parser } from '../parser.ts'
import { CampaignError, parser } from '../parser.ts'

/** libsodium must be ready. */
export async function netParsers(): Promise<readonly Parser[]> {
  return [frames(), mailboxFrames(), ...names(), ...(await atRest())]
}

const MAX_FRAME_BYTES = 1000

/** Frames however their bytes are cut: together with what waits they are the bytes that came. */
function frames(): Parser {
  const frame = (length: number): Uint8Array => {
    return concat(frameHeader(length), new Uint8Array(length).fill(length))
  }
  return parser({
    ...{ name: 'frames of a stream', covers: ['net FrameDecoder'], shape: 'bytes' },
    examples: [frame(0), frame(5), concat(frame(1), frame(200), frame(1000), frame(127))],
    ...{ maxBytes: 4000, errors: [ChannelError] },
    read: (input) => {
      const decoder = new FrameDecoder(MAX_FRAME_BYTES)
      const read: Uint8Array[] = []
      let step = 1
      for (let from = 0; from < input.length; from += step) {
        step = 1 + ((input[from] ?? 0) % 97)
        decoder.push(input.subarray(from, from + step))
        for (let next = decoder.next(); next !== undefined; next = decoder.next()) read.push(next)
      }
      const written = concat(...read.flatMap((one) => [frameHeader(one.length), one]))
      if (!equalBytes(written, input.subarray(0, written.length))) {
        throw new CampaignError('frames are not what came')
      }
      if (!decoder.unfinished && written.length !== input.length) {
        throw new CampaignError('bytes are gone')
      }
    },
  })
}

function mailboxFrames(): Parser {
  const { oneofs } = MailboxFrameSchema
  const kinds = oneofs[0]?.fields.length ?? 0
  const nonces = { nonce: new Uint8Array(16), instanceId: new Uint8Array(16) }
  const bodies = [
    { case: 'hello' as const, value: nonces },
    { case: 'login' as const, value: { ...nonces, signed: new Uint8Array(200) } },
    { case: 'takePrekey' as const, value: { ...nonces, owner: new Uint8Array(32) } },
    {
      case: 'deposit' as const,
      value: {
        ...{ owner: new Uint8Array(32), depositId: new Uint8Array(16) },
        envelope: new Uint8Array(400),
      },
    },
  ]
  const examples = [
    ...bodies.map((body) => encodeMailboxFrame(7, body)),
    ...Array.from({ length: 4 * kinds }, (_, i) => {
      return exampleMessage(MailboxFrameSchema, new Dice(`mailbox frame ${i}`))
    }),
  ]
  return parser({
    name: 'frame of the mailbox protocol',
    covers: ['net decodeMailboxFrame'],
    ...{ shape: 'protobuf', examples, errors: [DecodeError], read: decodeMailboxFrame },
    write: ({ id, body }) => encodeMailboxFrame(id, body),
  })
}

function names(): readonly Parser[] {
  const key = account('named').key
  const texts = [
    ...['/ip4/10.0.0.1/tcp/1', '/ip6/2001:db8::1/tcp/4001', '/ip6/::ffff:1.2.3.4/udp/1', ''],
    ...['/dns4/example.org/tcp/443/wss', '/ip6/fe80::1%25eth0/tcp/1', '//'],
  ]
  return [
    parser({
      ...{ name: 'PeerId', covers: ['net accountOf'], shape: 'bytes' },
      ...{ examples: [utf8(peerName(key))], maxBytes: 80, errors: [DecodeError, CryptoError] },
      accepted: 'exact',
      read: (input) => accountOf(fromLatin(input)),
      write: (read) => toLatin(peerName(read)),
    }),
    parser({
      name: 'multiaddr',
      covers: ['net addressText', 'net addressTexts'],
      ...{ shape: 'bytes', examples: ADDRESSES, maxBytes: 300, errors: [DecodeError] },
      read: (input) => {
        const [text] = addressTexts([input])
        if (text !== addressText(input)) throw new CampaignError('one of a list is another')
        if (text === undefined) throw new DecodeError('ERR_MALFORMED')
        return text
      },
      write: addressBytes,
    }),
    parser({
      ...{ name: 'address prefix', covers: ['net addressPrefix'], shape: 'bytes' },
      ...{ examples: texts.map(utf8), maxBytes: 300, errors: [] },
      read: (input) => addressPrefix(textOf(input)),
    }),
  ]
}

async function atRest(): Promise<readonly Parser[]> {
  const random = seededRandom('campaign at rest')
  const dataKey = generateSecret('DataKey', 32, random)
  const identity = { accountSeed: generateSecret('AccountSeed', 32, random), dataKey }
  const sealed = sealValue(dataKey, 'key', random(40), random)
  const fileKey = generateSecret('FileKey', 32, random)
  const epochKey = (): EpochKey => generateSecret('EpochKey', 32, random)
  const work = { memoryKiB: 8192, passes: 1, lanes: 1 }
  const files = [
    await sealIdentity(identity, { random }),
    await sealIdentity(identity, { random, passphrase: utf8('open sesame'), work }),
    await sealIdentity(identity, { random, key: { kind: 'key-store', key: fileKey } }),
  ]
  const epoch = { since: 1_800_000_000_000, current: epochKey(), beforeEpochs: false }
  const epochs = [
    { ...epoch, previous: undefined, beforeEpochs: true },
    { ...epoch, previous: epochKey() },
  ]
  return [
    parser({
      ...{ name: 'sealed value', covers: ['net openValue'], shape: 'bytes' },
      ...{ examples: [sealed], errors: [StoreError], accepted: 'authentic' },
      read: (input) => openValue(dataKey, 'key', input),
    }),
    parser({
      name: 'identity',
      covers: ['net decodeIdentity'],
      ...{ shape: 'bytes', examples: [encodeIdentity(identity)], maxBytes: 100 },
      ...{ errors: [DecodeError], accepted: 'exact', read: decodeIdentity, write: encodeIdentity },
    }),
    parser({
      name: 'epoch keys',
      covers: ['net decodeEpochs'],
      ...{ shape: 'bytes', examples: epochs.map(encodeEpochs), maxBytes: 100 },
      ...{ errors: [DecodeError], accepted: 'exact', read: decodeEpochs, write: encodeEpochs },
    }),
    parser({
      name: 'identity file',
      covers: ['net openIdentity'],
      ...{ shape: 'bytes', examples: files, maxBytes: 200, errors: [HomeError] },
      accepted: 'authentic',
      // Nobody is there to be asked for a passphrase: no file can make us work.
      read: (input) => openIdentity(input),
    }),
  ]
}
