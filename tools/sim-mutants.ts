// Faults for `npm run campaign -- sim-mutants`: each breaks a promise in one place, and the simulator has to notice.

export interface Mutant {
  readonly name: string
  readonly file: string
  /** Stands in the file once. */
  readonly instead: string
  readonly put: string
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'writes without fsync',
    file: 'net/commit-queue.ts',
    instead: "const sync = groups.some(({ pace }) => pace !== 'lazy')",
    put: 'const sync = false',
  },
  {
    name: 'does not wait for a commit',
    file: 'net/commit-queue.ts',
    instead: 'await promise\n',
    put: 'void promise.catch(() => undefined)\n',
  },
  {
    name: 'does not open the database again after a failure',
    file: 'net/batch-writer.ts',
    instead: 'const opened = this.#init.reopen?.()',
    put: 'const opened = Promise.resolve()',
  },
  {
    name: 'acknowledges envelopes that it could not keep',
    file: 'node/outcome.ts',
    instead: "'store-full': { direct: REFUSED.tryLater, mailboxMayDelete: false }",
    put: "'store-full': ACKNOWLEDGED",
  },
  {
    name: 'drops some messages that have opened',
    file: 'node/take-content.ts',
    instead: 'draft.received.add(hex)\n',
    put: 'draft.received.add(hex)\n  if (content.counter % 10 === 9) return\n',
  },
  {
    name: 'shows again what was shown',
    file: 'node/take-content.ts',
    instead: 'if (draft.received.has(hex) || (await taker.wasReceived(content.messageId))) return',
    put: '',
  },
  {
    name: 'uses a position twice',
    file: 'protocol/ratchet.ts',
    instead: 'nextToSend: number + 1 }',
    put: 'nextToSend: number === 2 ? number : number + 1 }',
  },
  {
    name: 'does not keep the ratchet that it has sent with',
    file: 'node/conversation-state.ts',
    instead: 'if (this.sessions.includes(session)) continue',
    put: 'if (this.sessions.some(({ id }) => toHex(id) === toHex(session.id))) continue',
  },
  {
    name: 'forgets that a one-time pair was used',
    file: 'node/one-time-pairs.ts',
    instead:
      "    this.#pairs.delete(id)\n    this.#spending.set(id, pair)\n    return [{ type: 'del', key: keys.pair(id) }]",
    put: '    return []',
  },
  {
    name: 'takes the word of a mailbox for delivery',
    file: 'node/settle.ts',
    instead: 'unlisted ? undefined : { ...entry, held: all }',
    put: 'undefined',
  },
  {
    name: 'answers for mail before it is stored',
    file: 'mailbox/level/intake.ts',
    instead: 'await committed',
    put: 'void committed.catch(() => undefined)',
  },
  {
    name: 'tries once and never again',
    file: 'node/courier.ts',
    instead: 'heldOnly ? Math.max(wait, RECEIPT_PATIENCE) : wait',
    put: '1e13',
  },
  {
    name: 'goes on in a store that was put back',
    file: 'node/continuity.ts',
    instead: 'this.#finding = finding\n    this.#highest = highest\n    return finding',
    put: 'this.#highest = highest\n    return finding && undefined',
  },
  {
    name: 'sends in old sessions before a mailbox was heard',
    file: 'node/start-hold.ts',
    instead: 'this.#held?.has(toHex(id)) ?? false',
    put: "toHex(id) === ''",
  },
  {
    name: 'keeps the one-time pairs of a store that was put back',
    file: 'node/own-keys.ts',
    instead: 'await this.#lock.run(LOCK, () => this.#pairs.drop())\n',
    put: '',
  },
  {
    name: 'does not fetch again what was left over',
    file: 'node/own-mailbox.ts',
    instead: 'if (waiting > 0 && this.#inHand === 0)',
    put: 'if (waiting > 1e9)',
  },
  {
    name: 'never goes to a contact whose mailbox has promised',
    file: 'node/courier.ts',
    instead:
      'hasPassed(HELD_RETRY, first.storedAt, now) && hasPassed(HELD_RETRY, this.#triedAt, now)',
    put: 'false',
  },
]
