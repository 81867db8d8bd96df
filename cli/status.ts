import type { ContactView, StatusView } from '../daemon/views.ts'
import type { RecoveryReason } from '../node/api.ts'
import type { CliContext } from './context.ts'
import { formatDuration } from './duration.ts'
import { KEY_WORDS } from './key-choice.ts'
import { CLOCK_WORDS } from './node-clock.ts'
import { commandFor } from './profile.ts'
import {
  renderBytes,
  renderDoubt,
  renderLost,
  renderRetiring,
  renderTable,
  renderTrust,
  shortPeer,
} from './render.ts'
import type { Style } from './render.ts'
import { sanitizeLine } from './sanitize.ts'
import { STORE_WORDS } from './store-words.ts'
import { withNode } from './with-node.ts'

const RECOVERY_SHOWN = 7 * 86_400_000

/** `sotto status`: one screen. */
export async function run(context: CliContext): Promise<void> {
  const { output, flags } = context
  await withNode(context, async (node) => {
    const status = await node.call('node.status', {})
    const { contacts } = await node.call('contact.list', {})
    const up = node.mode === 'daemon'
    await output.result({ status, contacts, up }, renderStatus(status, contacts, up, output.style))
    if (!up) output.hint(`${commandFor(flags, 'up --detach')}   keep the node running`)
  })
}

function renderStatus(
  status: StatusView,
  contacts: readonly ContactView[],
  up: boolean,
  style: Style,
): string {
  const { id, bundle, queue } = status
  const since = formatDuration(Date.now() - Date.parse(status.startedAt))
  const waiting = queue.map(
    ({ contact, count }) => `${count} for ${sanitizeLine(contact.name, 32)}`,
  )
  const { total, online, unverified, changed } = status.contacts
  const lines = [
    `${sanitizeLine(id.name, 32)}  ${shortPeer(id.peer, style)}   ${up ? `node up ${since}` : 'node not up'}`,
    `Reach      ${status.addresses.length === 0 ? 'no address' : status.addresses.join(' · ')}`,
    `Network    ${status.connections} connections · bundle ${bundle.sequence} held by ${bundle.holders.length} peers`,
    ...mailboxLines(status, style),
    ...warnings(status),
    ...doubtLines(contacts, style),
    `Queue      ${waiting.length === 0 ? 'empty' : waiting.join(' · ')}`,
    ...storeLines(status),
    ...damageLines(status),
    ...recoveryLines(status),
    `Contacts   ${total} total · ${online} online · ${unverified} unverified · ${changed} changed`,
  ]
  return contacts.length === 0
    ? lines.join('\n')
    : [...lines, contactTable(contacts, style)].join('\n')
}

/** What others' mailboxes may have lost. Nobody else can know it, and it is no proof. */
function doubtLines(contacts: readonly ContactView[], style: Style): readonly string[] {
  return contacts.flatMap(({ name, doubted }) =>
    doubted.map(
      ({ mailbox, messages }) =>
        `Mailbox    ${renderDoubt(shortPeer(mailbox, style), name, messages)}`,
    ),
  )
}

function storeLines({ store }: StatusView): readonly string[] {
  if (store === null) return []
  const since = store.since.slice(0, 16)
  return [
    `Store      ${STORE_WORDS[store.problem]}, since ${since}: nothing is accepted until that ends`,
  ]
}

function damageLines({ damaged }: StatusView): readonly string[] {
  const kinds = Object.entries(damaged).filter(([, count]) => count > 0)
  if (kinds.length === 0) return []
  const list = kinds.map(([kind, count]) => `${count} ${kind}`).join(' · ')
  return [`Damaged    ${list}: records that the disk did not give back`]
}

const RECOVERY_WORDS: Readonly<Record<RecoveryReason, string>> = {
  hole: 'a part of the store was missing',
  older: 'the store had less than before: lost, or an older copy',
  other: 'another copy of the store had run',
  elsewhere: 'the folder came from another computer',
  unreadable: 'what was noted of the store could not be read',
}

/** Shown for as long as contacts are missing, and a week. */
function recoveryLines({ recovery }: StatusView): readonly string[] {
  if (recovery === null) return []
  const isOld = Date.now() - Date.parse(recovery.at) > RECOVERY_SHOWN
  if (isOld && recovery.waiting === 0) return []
  const left = recovery.waiting === 0 ? '' : `; ${recovery.waiting} contacts are still to be asked`
  const what = `${RECOVERY_WORDS[recovery.reason]}, ${recovery.at.slice(0, 16)}`
  return [`Recovery   ${what}: messages may be missing, new sessions are made${left}`]
}

function mailboxLines({ mailboxes }: StatusView, style: Style): readonly string[] {
  if (mailboxes.length === 0) return ['Mailbox    none']
  return mailboxes.map(({ peer, connected, usedBytes, maxBytes, waiting, leavingAt }) => {
    const use =
      usedBytes === null || maxBytes === null
        ? 'not asked yet'
        : `used ${renderBytes(usedBytes)} of ${renderBytes(maxBytes)}   ${waiting ?? 0} waiting`
    const leaving = leavingAt === null ? '' : `   to be left from ${leavingAt.slice(0, 10)} on`
    return `Mailbox    ${shortPeer(peer, style)}   ${connected ? 'connected' : 'not connected'}   ${use}${leaving}`
  })
}

/** What somebody should look into. */
function warnings({ clock, keys, mailboxes }: StatusView): readonly string[] {
  const copies = Math.max(0, ...mailboxes.map(({ otherCopies }) => otherCopies ?? 0))
  return [
    ...(keys === 'none' ? [`Keys       ${KEY_WORDS[keys]}`] : []),
    ...(clock === 'agreed' || clock === 'off' ? [] : [`Clock      ${CLOCK_WORDS[clock]}`]),
    ...mailboxes
      .filter(({ broken }) => broken)
      .map(
        ({ peer }) =>
          `Mailbox    ${peer} gave a one-time key away twice: it is not named to others any more`,
      ),
    ...mailboxes.flatMap(({ peer, lost, retiring }) => [
      ...(lost ? [`Mailbox    ${renderLost(peer)}`] : []),
      ...(retiring === null ? [] : [`Mailbox    ${renderRetiring(peer, retiring.successor)}`]),
    ]),
    ...(copies === 0 ? [] : [`Copies     ${copies} more of this account are running: stop them`]),
  ]
}

function contactTable(contacts: readonly ContactView[], style: Style): string {
  const plain = { ...style, colour: false }
  const rows = contacts.map(({ name, trust, path, queued }) => [
    ...[name, renderTrust(trust, plain), path, String(queued)],
  ])
  return renderTable([['NAME', 'TRUST', 'PATH', 'QUEUE'], ...rows])
}
