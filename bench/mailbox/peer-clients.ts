/** The clients of a server that is not ours: plain JavaScript beside the peers' manifest, there only once that is installed. */
import { openStore } from './client-store.ts'
import type { StoreItems } from './client-store.ts'
import type { Clients, Drain, Leave } from './orders.ts'

interface Peer {
  collect(
    url: string,
    store: StoreItems,
  ): Promise<{ readonly found: string; readonly drain: Drain }>
  leave(url: string): Promise<Leave>
}

export function peerClients(name: 'redis' | 'jetstream'): Clients {
  const load = async (): Promise<Peer> => {
    return (await import(new URL(`../peers/${name}.mjs`, import.meta.url).href)) as Peer
  }
  return {
    collect: async (url, folder) => (await load()).collect(url, await openStore(folder)),
    leave: async (url) => (await load()).leave(url),
  }
}
