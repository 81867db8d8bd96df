// Serves /sotto/direct/1: streams on which others bring us envelopes.

import { DIRECT_PROTOCOL } from '../net/names.ts'
import { accountOf } from '../net/peer-name.ts'
import type { Channel, Clock, Wire } from '../net/ports.ts'
import { MAX_DIRECT_FRAME_BYTES, receiveDirect, type Take } from './direct.ts'
import type { Inbox } from './inbox.ts'

export interface DirectServiceInit {
  readonly wire: Wire
  readonly clock: Clock
  readonly inbox: Inbox
}

/** Streams of one peer that we serve at once: one is enough, a second bridges a reconnection. */
const MAX_CHANNELS = 4

export class DirectService {
  readonly #init: DirectServiceInit
  readonly #served = new Map<Channel, Promise<void>>()

  constructor(init: DirectServiceInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    const options = { maxFrameBytes: MAX_DIRECT_FRAME_BYTES, maxChannels: MAX_CHANNELS }
    await this.#init.wire.handle(DIRECT_PROTOCOL, options, this.#serve)
  }

  /** Ends the streams. What is being committed is waited for; what was not acknowledged comes again. */
  async stop(): Promise<void> {
    await this.#init.wire.unhandle(DIRECT_PROTOCOL)
    const served = [...this.#served.values()]
    for (const channel of this.#served.keys()) {
      channel.abort(new DOMException('the node stops', 'AbortError'))
    }
    await Promise.allSettled(served)
  }

  readonly #serve = async (channel: Channel): Promise<void> => {
    const { inbox, clock } = this.#init
    const sender = accountOf(channel.peer)
    const take: Take = (envelopes) => inbox.fromPeer(sender, envelopes, channel.address)
    const served = receiveDirect(channel, clock, take)
    this.#served.set(channel, served)
    try {
      await served
      await channel.close()
    } finally {
      this.#served.delete(channel)
    }
  }
}
