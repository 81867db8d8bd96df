/** Transports that tell when a dial of theirs fails: libp2p has no event for it. */
import type { Transport } from '@libp2p/interface'
import type { Libp2pOptions } from 'libp2p'

/** A few words, so that they can be counted. */
export type DialFailure = 'refused' | 'unreachable' | 'timeout' | 'other'

type Factories = NonNullable<Libp2pOptions['transports']>

/** The same transports. `failed` gets the name of one, `tcp`, `ws` or `other`, and why it could not dial. */
export function watchedDials(
  factories: Factories,
  failed: (transport: string, reason: DialFailure) => void,
): Factories {
  return factories.map((make) => (components) => {
    const transport = make(components)
    const dial = transport.dial.bind(transport)
    const name = nameOf(transport)
    transport.dial = async (...call) => {
      try {
        return await dial(...call)
      } catch (cause) {
        failed(name, reasonOf(cause))
        throw cause
      }
    }
    return transport
  })
}

function nameOf(transport: Transport): string {
  const tag = transport[Symbol.toStringTag]
  if (tag.endsWith('/tcp')) return 'tcp'
  return tag.endsWith('/websockets') ? 'ws' : 'other'
}

function reasonOf(cause: unknown): DialFailure {
  const name = cause instanceof Error ? cause.name : ''
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (name === 'TimeoutError' || name === 'AbortError' || code === 'ETIMEDOUT') return 'timeout'
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return 'refused'
  return code === 'EHOSTUNREACH' || code === 'ENETUNREACH' ? 'unreachable' : 'other'
}
