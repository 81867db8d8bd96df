// A store that tells how long its calls take.

import type { MailboxObserver } from '../observer.ts'
import type { MailboxStore } from '../store.ts'

/** Those that somebody waits for, by the names they have in the metrics. */
const CALLS: Readonly<Partial<Record<keyof MailboxStore, string>>> = {
  deposit: 'deposit',
  read: 'read',
  acknowledge: 'acknowledge',
  takePair: 'take_prekey',
  putPairs: 'put_prekeys',
  bundle: 'bundle',
  expire: 'expire',
}

export function timedStore(store: MailboxStore, observer: MailboxObserver): MailboxStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = (...parts: readonly unknown[]): unknown => Reflect.apply(value, target, parts)
      const call = CALLS[name as keyof MailboxStore] // whatever else it is, it is not in the table
      if (call === undefined) return method
      return async (...parts: readonly unknown[]): Promise<unknown> => {
        const began = observer.now()
        try {
          return await method(...parts)
        } finally {
          observer.observe({ kind: 'store', call, ms: observer.now() - began })
        }
      }
    },
  })
}
