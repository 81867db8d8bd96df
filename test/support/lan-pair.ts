// A program of its own, for a network namespace with nothing but loopback: two nodes that know nothing of each other. Prints
// "met" and ends when multicast DNS has brought them together.
import { testPeer } from './network.ts'

const quiet = await testPeer({ lan: false })
const peers = [await testPeer({ lan: true }), await testPeer({ lan: true })] as const
const [first, second] = peers
await new Promise<void>((resolve) => {
  const look = (): void => {
    if (first.wire.isConnected(second.wire.self)) resolve()
  }
  first.wire.watch(look)
  look()
})
const alone = quiet.node.getConnections().length === 0
console.log(alone ? 'met' : 'a node without discovery was found')
await Promise.all([quiet, ...peers].map((peer) => peer.stop()))
