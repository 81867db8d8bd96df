// What one person of a model has accepted and was shown, also when the person goes back to a backup: what was accepted since
// may be gone, and what was shown since may be shown once more.

import type { Backup, ChatWorld, Person } from './chat-world.ts'
import { received } from './chat-world.ts'

interface Accepted {
  readonly text: string
  readonly to: Person
  /** Its sender went back to a time before it. */
  undone: boolean
}

export class Ledger {
  readonly person: Person
  readonly #accepted: Accepted[] = []
  readonly #shownBefore = new Set<string>()
  #backup: { readonly store: Backup; readonly accepted: number } | undefined
  restored = false

  constructor(person: Person) {
    this.person = person
  }

  accept(text: string, to: Person): void {
    this.#accepted.push({ text, to, undone: false })
  }

  async save(world: ChatWorld): Promise<void> {
    const accepted = this.#accepted.length
    this.#backup = { store: await world.backup(this.person), accepted }
  }

  /** Goes back to the last backup; false if there is none. */
  async restore(world: ChatWorld): Promise<boolean> {
    const backup = this.#backup
    if (backup === undefined) return false
    world.kill(this.person) // nothing more is shown while we look
    for (const { text } of await received(this.person)) this.#shownBefore.add(text)
    await world.restore(this.person, backup.store)
    for (const message of this.#accepted.slice(backup.accepted)) message.undone = true
    this.restored = true
    return true
  }

  /** What is wrong between this sender and a recipient: a message is shown once, or reported failed. */
  async problemsWith(recipient: Ledger): Promise<readonly string[]> {
    const contact = recipient.person.node.contacts.get(this.person.peer).id
    const shown = (await received(recipient.person))
      .filter((message) => message.contact === contact)
      .map(({ text }) => text)
    const problems = new Set(shown).size < shown.length ? [`shown twice: ${shown.join()}`] : []
    const ever = new Set([...shown, ...recipient.#shownBefore])
    const failed = new Set(await this.#failed(recipient.person))
    for (const { text, to, undone } of this.#accepted) {
      if (to !== recipient.person || undone || ever.has(text) || failed.has(text)) continue
      problems.push(`lost: ${text}`)
    }
    return problems.map((what) => `${this.person.name} to ${recipient.person.name}: ${what}`)
  }

  async #failed(recipient: Person): Promise<readonly string[]> {
    const entries = await this.person.node.messages.list(recipient.peer)
    return entries.flatMap((entry) =>
      entry.kind === 'text' && entry.state === 'failed' ? [entry.text] : [],
    )
  }
}

/** The user of a node looks at who started afresh, and verifies the safety number. */
export async function agreeToFreshStarts({ node: { contacts } }: Person): Promise<void> {
  for (const { id, session } of contacts.list()) {
    if (session?.freshStart === true) await contacts.verify(id, contacts.safetyNumber(id))
  }
}
