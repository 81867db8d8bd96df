/** The process that is dialled: a node that sends back every frame. Its answer to the only order is where it is. */
import { systemClock } from '../../net/platform/clock.ts'
import { takeOrders } from '../orders.ts'
import { ECHO_PROTOCOL, type Echo } from './echo.ts'
import { startNode } from './node.ts'

takeOrders(async (): Promise<Echo> => {
  const { node, wire } = await startNode(['/ip4/127.0.0.1/tcp/0'], systemClock)
  await wire.handle(ECHO_PROTOCOL, { maxFrameBytes: 100, maxChannels: 4 }, async (channel) => {
    for await (const frames of channel.incoming) for (const frame of frames) channel.send(frame)
  })
  return { peer: wire.self, addresses: node.getMultiaddrs().map(String) }
})
