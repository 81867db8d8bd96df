// The newest signed bundle of each owner. All of them are in memory: at most 4 KiB each.

import { verifyBundle } from '../protocol/bundle.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { RecordError } from '../protocol/errors.ts'
import { keys } from './keys.ts'
import { Damaged } from './sound-records.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import type { Clock } from '../net/ports.ts'
import type { Records } from '../net/records.ts'
import type { Member, Members } from './members.ts'
import type { SoundRecords } from './sound-records.ts'

export interface BundlesInit {
  readonly records: Records
  readonly sound: SoundRecords
  readonly members: Members
  readonly clock: Clock
}

export class Bundles {
  readonly #init: BundlesInit
  readonly #byMember = new Map<number, VerifiedBundle>()

  constructor(init: BundlesInit) {
    this.#init = init
  }

  /** Reads everything again. What has expired is passed over, not deleted: the clock may be wrong. */
  async load(): Promise<void> {
    const { sound, members } = this.#init
    this.#byMember.clear()
    for (const member of members.all()) {
      const bytes = await sound.get(keys.bundle(member.number), (value) => value)
      if (bytes !== undefined && !(bytes instanceof Damaged)) this.#restore(member, bytes)
    }
  }

  /**
   * Keeps a bundle instead of the one before; durable when it resolves. Throws what `verifyBundle` throws, and `RecordError`
   * ERR_OLD_SEQUENCE for one that is older, or another one with the same sequence.
   */
  async put(owner: Member, bytes: Uint8Array): Promise<void> {
    const { records, clock } = this.#init
    const bundle = verifyBundle(bytes, { account: owner.account, now: clock.now() })
    const held = this.#byMember.get(owner.number)
    if (held !== undefined && bundle.sequence <= held.sequence) {
      if (!equalBytes(bundle.bytes, held.bytes)) throw new RecordError('ERR_OLD_SEQUENCE')
    }
    this.#byMember.set(owner.number, bundle)
    await records.commit([{ type: 'put', key: keys.bundle(owner.number), value: bundle.bytes }])
  }

  /** The bundle of a member, unless it has expired. */
  get(member: number): VerifiedBundle | undefined {
    const bundle = this.#byMember.get(member)
    return bundle === undefined || bundle.expiresAt <= this.#init.clock.now() ? undefined : bundle
  }

  #restore(member: Member, bytes: Uint8Array): void {
    const { clock } = this.#init
    try {
      const expected = { account: member.account, now: clock.now() }
      this.#byMember.set(member.number, verifyBundle(bytes, expected))
    } catch (cause) {
      if (!(cause instanceof RecordError)) throw cause
    }
  }
}
