/** Parsers of what programs and people on this machine say: the local socket, the command line, settings. */
import { hoistCommonFlags } from '../../../cli/common-flags.ts'
import { safeJson, sanitizeLine, sanitizeText } from '../../../cli/sanitize.ts'
import { parseSettings } from '../../../cli/settings.ts'
import { LineSplitter, LineTooLongError } from '../../../daemon/lines.ts'
import { methods } from '../../../daemon/methods.ts'
import type { MethodContext } from '../../../daemon/methods.ts'
import { readRequest } from '../../../daemon/request.ts'
import { fromRpcError, toRpcError } from '../../../daemon/rpc-errors.ts'
import { Session } from '../../../daemon/session.ts'
import { parseDuration } from '../../../net/units.ts'
import { SottoError } from '../../../node/errors.ts'
import { concat, utf8 } from '../../../protocol/bytes.ts'
import { FakeNode } from '../../daemon/fake-node.ts'
import { textOf } from '../examples.ts'
import type { Parser } from '../parser.ts'
import { CampaignError, parser } from '../parser.ts'

export function localParsers(): readonly Parser[] {
  return [...socket(), ...commandLine()]
}

const REQUESTS: readonly (readonly [string, unknown])[] = [
  ['meta.hello', {}],
  ['id.get', undefined],
  ['id.card', { format: 'link' }],
  ['contact.add', { link: 'SOTTO:C/1/BOB', name: 'bob' }],
  ['contact.list', {}],
  ['contact.get', { contact: 'ada' }],
  ['contact.safetyNumber', { contact: 'c_ada' }],
  ['contact.confirm', { contact: 'ada', method: 'number', value: '12345' }],
  ['message.send', { to: 'ada', text: 'hello', wait: 'delivered', timeout: 5 }],
  ['message.get', { id: 'm_1' }],
  ['message.list', { contact: 'ada', limit: 10, before: 'm_1' }],
  ['message.markRead', { ids: ['m_1', 'm_2'] }],
  ['mailbox.use', { link: 'SOTTO:M/1/BOX' }],
  ['mailbox.list', {}],
  ['node.status', {}],
  ['node.stop', {}],
  ['event.subscribe', { types: ['message.received'], consumer: 'bot', from: 0 }],
  ['event.ack', { consumer: 'bot', subscription: 1, seq: 3 }],
]

function socket(): readonly Parser[] {
  const requests = REQUESTS.map(([method, params], id) =>
    utf8(JSON.stringify({ jsonrpc: '2.0', id, method, params })),
  )
  const error = new SottoError('NOT_ALLOWED', 'no', { hint: 'ask', retryable: true })
  return [
    parser({
      ...{ name: 'lines of the local socket', covers: ['daemon LineSplitter'] },
      ...{ shape: 'bytes', examples: [concat(...requests.flatMap((one) => [one, utf8('\n')]))] },
      ...{ maxBytes: 5000, errors: [LineTooLongError], read: splitLines },
    }),
    parser({
      ...{ name: 'request to the local socket', covers: ['daemon readRequest'] },
      ...{ shape: 'json', examples: requests, errors: [] },
      read: (input) => readRequest(textOf(input)),
    }),
    parser({
      ...{ name: 'parameters of the local API', covers: ['daemon readParams'] },
      ...{ shape: 'json', examples: requests, errors: [SottoError], read: callMethod },
    }),
    parser({
      ...{ name: 'error from the local socket', covers: ['daemon fromRpcError'] },
      ...{ shape: 'json', examples: [utf8(JSON.stringify(toRpcError(error)))], errors: [] },
      read: (input) => fromRpcError(json(input)),
      write: (read) => utf8(JSON.stringify(toRpcError(read))),
    }),
  ]
}

/** Cut in pieces, the lines are the same as in one piece. */
function splitLines(input: Uint8Array): void {
  const whole = new LineSplitter(600).push(input)
  const splitter = new LineSplitter(600)
  const lines: string[] = []
  let step = 1
  for (let from = 0; from < input.length; from += step) {
    step = 1 + ((input[from] ?? 0) % 61)
    lines.push(...splitter.push(input.subarray(from, from + step)))
  }
  if (lines.join('\n') !== whole.join('\n')) throw new CampaignError('lines depend on the pieces')
}

function json(input: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(input))
  } catch {
    return undefined
  }
}

/** Calls the method that a request names, on a node that knows one contact; nobody waits for an answer. */
async function callMethod(input: Uint8Array): Promise<void> {
  const read = readRequest(textOf(input))
  if (read.kind === 'refused') throw new SottoError('INVALID_ARGUMENT', 'no request')
  const { method: name, params } = read.request
  if (!Object.hasOwn(methods, name)) throw new SottoError('INVALID_ARGUMENT', 'no method')
  const node = new FakeNode()
  await node.contacts.add('SOTTO:C/1/ADA')
  const session = new Session(async () => undefined)
  const signal = AbortSignal.abort(new SottoError('NODE_STOPPED', 'cancelled'))
  const context: MethodContext = { node, session, signal, version: '1', stop: () => undefined }
  try {
    const answer = await methods[name as keyof typeof methods](context, params)
    JSON.stringify(answer)
  } finally {
    session.close()
  }
}

const TERMINAL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066\u2067]/

function commandLine(): readonly Parser[] {
  const durations = ['500ms', '90s', '1.5h', '7d', ' 5m ', '999999999d']
  const words = ['Ada', 'a\u001b[31mb', '\u202eevil', 'e\u0301\u0301', 'x\r\ny', '👋\u200d👋']
  const settings = { listen: ['/ip4/0.0.0.0/tcp/4601'], bootstrap: [], lan: true, replication: 3 }
  const lines = [
    ['send', '--json', '--timeout', '5s', 'ada', '--', '--quiet'],
    ['--profile=work', '-q', '--via', 'daemon', 'constructor', '--home'],
    ['contact', 'verify', 'constructor', 'toString'],
    ['-h', '-V', '--passphrase-file', '-', '--no-input', '--ascii', '--no-color'],
  ]
  return [
    parser({
      ...{ name: 'duration', covers: ['net parseDuration'], shape: 'bytes' },
      ...{ examples: durations.map(utf8), maxBytes: 40, errors: [] },
      read: (input) => parseDuration(textOf(input)),
    }),
    parser({
      ...{ name: 'settings', covers: ['cli parseSettings'], shape: 'json' },
      ...{ examples: [utf8(JSON.stringify(settings)), utf8('{}')], errors: [SottoError] },
      read: (input) => parseSettings(textOf(input), 'settings.json'),
      write: (read) => utf8(JSON.stringify(read)),
    }),
    parser({
      ...{ name: 'common flags', covers: ['cli hoistCommonFlags'], shape: 'json' },
      ...{ examples: lines.map((line) => utf8(JSON.stringify(line))), errors: [SottoError] },
      read: (input) => {
        const line = json(input)
        const list: readonly unknown[] = Array.isArray(line) ? line : [textOf(input)]
        const words = list.filter((word) => typeof word === 'string')
        const { rest } = hoistCommonFlags(words, {})
        const isPlain = words.every((word) => !word.startsWith('-'))
        if (isPlain && rest.join() !== words.join()) throw new CampaignError('a word is gone')
        if (!rest.every((word) => words.includes(word))) throw new CampaignError('a new word')
      },
    }),
    parser({
      name: 'text for a terminal',
      covers: ['cli sanitizeText', 'cli sanitizeLine'],
      ...{ shape: 'bytes', examples: words.map(utf8), maxBytes: 600, errors: [] },
      read: (input) => {
        const text = textOf(input)
        const shown = [sanitizeText(text), sanitizeLine(text), safeJson(text)]
        if (shown.some((one) => TERMINAL.test(one) || !one.isWellFormed())) {
          throw new CampaignError('something that a terminal obeys is left')
        }
      },
    }),
  ]
}
