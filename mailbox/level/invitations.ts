// The invitations, in memory as they are stored.

import { reader } from '../../protocol/reader.ts'
import { encodeInvitations, NO_INVITATIONS, readInvitations } from '../invitations.ts'
import { keys } from './keys.ts'
import { Damaged } from './sound-records.ts'
import type { Operation } from '../../net/records.ts'
import type { InvitationList } from '../invitations.ts'
import type { SoundRecords } from './sound-records.ts'

export class Invitations {
  readonly #sound: SoundRecords
  #list: InvitationList = NO_INVITATIONS

  constructor(sound: SoundRecords) {
    this.#sound = sound
  }

  get list(): InvitationList {
    return this.#list
  }

  /** Damaged ones are none: nobody comes in until the operator invites again. */
  async load(): Promise<void> {
    const list = await this.#sound.get(keys.invitations, (value) => {
      const from = reader(value)
      const read = readInvitations(from)
      from.end()
      return read
    })
    this.#list = list === undefined || list instanceof Damaged ? NO_INVITATIONS : list
  }

  /** Sets them, and returns the operation that has to go into the same commit, without `await` in between. */
  change(list: InvitationList): Operation {
    this.#list = list
    return { type: 'put', key: keys.invitations, value: encodeInvitations(list) }
  }
}
