// Redis streams: a deposit is an XADD, a drain reads with a consumer group, and acknowledges and deletes what was stored.
import { createClient, RESP_TYPES } from 'redis'

const STREAM = 'box'
const GROUP = 'owner'
const RUN = 256

const connect = async (url) => {
  const client = createClient({ url }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  await client.connect()
  return client
}

export async function collect(url, store) {
  const client = await connect(url)
  await client.xGroupCreate(STREAM, GROUP, '0', { MKSTREAM: true })
  const drain = async (count) => {
    for (let left = count; left > 0;) {
      const options = { COUNT: RUN, BLOCK: 1000 }
      const found = await client.xReadGroup(GROUP, 'one', { key: STREAM, id: '>' }, options)
      const messages = found?.[0]?.messages ?? []
      const items = messages.map(({ id, message }) => ({ id: String(id), envelope: message.v }))
      if (items.length === 0) continue
      await store(items)
      const ids = items.map(({ id }) => id)
      await Promise.all([client.xAck(STREAM, GROUP, ids), client.xDel(STREAM, ids)])
      left -= items.length
    }
  }
  return { found: url, drain }
}

export async function leave(url) {
  const client = await connect(url)
  return async (envelope) => {
    const v = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.length)
    await client.xAdd(STREAM, '*', { v })
  }
}
