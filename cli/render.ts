// How states, trust and lists look on a terminal. Never colour alone: every state has a glyph, an ASCII form and a word.

import { styleText } from 'node:util'
import type { DeliveryState, FailureReason, Trust } from '../node/api.ts'
import { sanitizeLine } from './sanitize.ts'

type Format = Parameters<typeof styleText>[0]

/** How text may look on one stream. */
export interface Style {
  readonly colour: boolean
  readonly ascii: boolean
}

interface Look {
  readonly glyph: string
  readonly ascii: string
  readonly word: string
  readonly format: Format
}

const STATES: Readonly<Record<DeliveryState, Look>> = {
  queued: { glyph: '·', ascii: '.', word: 'queued', format: 'dim' },
  stored: { glyph: '↑', ascii: '^', word: 'in mailbox', format: 'cyan' },
  delivered: { glyph: '✓', ascii: 'v', word: 'delivered', format: 'green' },
  read: { glyph: '✓✓', ascii: 'vv', word: 'read', format: 'green' },
  failed: { glyph: '!', ascii: '!', word: 'failed', format: 'bold' },
}

const TRUST: Readonly<Record<Trust, Look>> = {
  unverified: { glyph: '◇', ascii: '-', word: 'unverified', format: 'yellow' },
  verified: { glyph: '◆', ascii: '*', word: 'verified', format: 'green' },
  changed: { glyph: '▲', ascii: '!', word: 'changed', format: 'red' },
}

/** `✓ delivered`; a failure names its reason. */
export function renderState(state: DeliveryState, style: Style, reason?: FailureReason): string {
  const word = reason === undefined ? STATES[state].word : `${STATES[state].word}: ${reason}`
  return `${paint(STATES[state], style)} ${word}`
}

/** `unverified ◇` */
export function renderTrust(trust: Trust, style: Style): string {
  return `${TRUST[trust].word} ${paint(TRUST[trust], style)}`
}

/** The mark of something done. */
export function renderDone(style: Style): string {
  return paint(STATES.delivered, style)
}

/** The mark of something that went wrong. */
export function renderFailure(style: Style): string {
  return paint({ glyph: '✗', ascii: 'x', word: '', format: 'red' }, style)
}

/** A table with aligned columns and no lines; cells are sanitized. Wide characters may shift a column, never a line. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map((cell) => sanitizeLine(cell)))
  const widths = (clean[0] ?? []).map((_, column) =>
    Math.max(...clean.map((row) => [...(row[column] ?? '')].length)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
      .join('  ')
      .trimEnd()
  return clean.map(line).join('\n')
}

/** Bytes in binary units: `1.2 MiB`. */
export function renderBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes || 1) / 10)))
  const amount = bytes / 1024 ** power
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`
}

/** `12D3KooWQ…8fQz`: enough to recognise, never to compare for safety. */
export function shortPeer(peer: string, style: Style): string {
  return peer.length <= 16
    ? peer
    : `${peer.slice(0, 9)}${style.ascii ? '..' : '…'}${peer.slice(-4)}`
}

/** 60 digits as people compare them: three lines of four groups. */
export function groupDigits(digits: string): readonly string[] {
  const groups = digits.match(/\d{1,5}/g) ?? []
  const lines: string[] = []
  for (let at = 0; at < groups.length; at += 4) lines.push(groups.slice(at, at + 4).join(' '))
  return lines
}

function paint(look: Look, style: Style): string {
  const glyph = style.ascii ? look.ascii : look.glyph
  return style.colour ? styleText(look.format, glyph, { validateStream: false }) : glyph
}

/** A contact whose session proves no older one. */
export function renderFreshStart(name: string): string {
  return `${sanitizeLine(name, 32)} has started afresh, or somebody poses as them: compare the safety number`
}

/** What a mailbox of a contact may have lost: nobody can know it, and it is no proof. */
export function renderDoubt(mailbox: string, name: string, messages: number): string {
  return `${mailbox} of ${sanitizeLine(name, 32)} may have lost ${messages} of my messages: they are sent again, by other ways first`
}

/** A mailbox of ours that has been away for long. */
export function renderLost(peer: string): string {
  return `${peer} could not be reached for a day: use another one with sotto mailbox move LINK`
}

/** A mailbox of ours that has given notice. */
export function renderRetiring(peer: string, successor: string | null): string {
  const link = successor === null ? 'LINK' : sanitizeLine(successor)
  return `${peer} will end and takes no new messages: sotto mailbox move ${link}`
}

/** A contact's word that our messages contradict each other. */
export function renderReported(name: string): string {
  return `${sanitizeLine(name, 32)}'s node has seen two of us: is a copy or an old backup of this profile in use?`
}

/** A contact that has used a position of the ratchet twice. */
export function renderDivergence(name: string): string {
  return `a copy or an old backup of ${sanitizeLine(name, 32)}'s node is in use: the session is replaced`
}
