// One run of a program. It may end before or after any call of a port; after its end nothing of it reaches a port any more.
import type { Channel, Clock, Directory, Timer, ThrowAwayWires, Wire } from '../../net/ports.ts'

/** A promise that is never settled: what a call of a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}

export class Process {
  alive = true
  /** How far the computer's clock is from true time, in ms. */
  skew: number
  /** Timers that it waits for. */
  timers = 0
  /** Calls of ports until it ends. */
  #left = Number.POSITIVE_INFINITY
  #die: () => void = () => undefined

  constructor(skew: number) {
    this.skew = skew
  }

  /** It ends at so many beginnings and ends of calls from now, by `die`. */
  doom(calls: number, die: () => void): void {
    this.#left = calls
    this.#die = die
  }

  /** The beginning or the end of a call. Returns whether it is alive after that. */
  step(): boolean {
    if (this.alive && this.#left-- <= 0) {
      this.#left = Number.POSITIVE_INFINITY
      this.#die()
    }
    return this.alive
  }

  async #call<T>(made: () => Promise<T>): Promise<T> {
    if (!this.step()) return never()
    try {
      return await made()
    } finally {
      if (!this.step()) await never()
    }
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now() + this.skew,
      after: (ms, run) => this.#after(clock, ms, run),
    }
  }

  #after(clock: Clock, ms: number, run: () => void): Timer {
    let waits = true
    this.timers++
    const end = (): void => {
      if (waits) this.timers--
      waits = false
    }
    const timer = clock.after(ms, () => {
      end()
      if (this.step()) run()
    })
    return {
      cancel: () => {
        end()
        timer.cancel()
      },
    }
  }

  wire(wire: Wire): Wire {
    return {
      self: wire.self,
      open: (peer, protocol, options) =>
        this.#call(async () => this.#channel(await wire.open(peer, protocol, options))),
      handle: (protocol, options, handler) =>
        wire.handle(protocol, options, (channel) => handler(this.#channel(channel))),
      unhandle: (protocol) => wire.unhandle(protocol),
      isConnected: (peer) => wire.isConnected(peer),
      watch: (listener) =>
        wire.watch((peer, connected) => {
          if (this.alive) listener(peer, connected)
        }),
    }
  }

  throwAway(wires: ThrowAwayWires): ThrowAwayWires {
    return {
      make: () =>
        this.#call(async () => {
          const wire = await wires.make()
          const open: Wire['open'] = (peer, protocol, options) =>
            this.#call(async () => this.#channel(await wire.open(peer, protocol, options)))
          return { self: wire.self, open, stop: () => wire.stop() }
        }),
    }
  }

  directory(directory: Directory): Directory {
    return {
      put: (key, value, options) => this.#call(() => directory.put(key, value, options)),
      get: (key, options) => this.#answers(directory.get(key, options)),
    }
  }

  async *#answers<T>(answers: AsyncIterable<T>): AsyncGenerator<T, void, void> {
    for await (const answer of answers) {
      if (!this.step()) await never()
      yield answer
    }
  }

  #channel(channel: Channel): Channel {
    return {
      peer: channel.peer,
      address: channel.address,
      incoming: channel.incoming,
      send: (frame) => {
        if (!this.step()) return
        channel.send(frame)
        this.step()
      },
      drained: (signal) => channel.drained(signal),
      close: () => this.#call(() => channel.close()),
      abort: (reason) => {
        if (this.step()) channel.abort(reason)
      },
    }
  }
}
