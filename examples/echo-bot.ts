// A bot that answers whatever it is told. Run it with a folder that it may keep:  node examples/echo-bot.ts FOLDER
// What was not acknowledged comes again after a crash: no question goes without an answer, though one may get two.
import { createNode } from '../node/index.ts'

const [, , dir = './echo-bot'] = process.argv
await using bot = await createNode({
  name: 'echo',
  profile: { dir },
  network: { listen: ['/ip4/127.0.0.1/tcp/0'] },
})
console.log(bot.id.link)

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
process.once('SIGINT', () => stop.abort())

try {
  for await (const event of bot.events({ consumer: 'echo', signal: stop.signal })) {
    if (event.type === 'message.received') {
      await bot.conversation(event.contact.id).send(`echo: ${event.message.text}`)
    }
    await event.ack()
  }
} catch (error) {
  if (!stop.signal.aborted) throw error
}
