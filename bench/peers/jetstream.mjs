// NATS JetStream, one replica, files: a stream from which an acknowledgement removes.
import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'

const STREAM = 'box'
const OWNER = 'owner'
const RUN = 256

export async function collect(servers, store) {
  const connection = await connect({ servers })
  const manager = await jetstreamManager(connection)
  const retention = RetentionPolicy.Workqueue
  await manager.streams.add({ name: STREAM, subjects: [STREAM], retention })
  await manager.consumers.add(STREAM, {
    durable_name: OWNER,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: RUN,
  })
  const consumer = await jetstream(connection).consumers.get(STREAM, OWNER)
  const drain = async (count) => {
    for (let left = count; left > 0;) {
      const messages = []
      const options = { max_messages: Math.min(RUN, left), expires: 5000 }
      for await (const message of await consumer.fetch(options)) messages.push(message)
      await store(messages.map(({ seq, data }) => ({ id: String(seq), envelope: data })))
      await Promise.all(messages.map((message) => message.ackAck()))
      left -= messages.length
    }
  }
  return { found: servers, drain }
}

export async function leave(servers) {
  const client = jetstream(await connect({ servers }))
  return async (envelope) => {
    await client.publish(STREAM, envelope)
  }
}
