// A program of its own: a node on a folder, listening on loopback. Says its address on stdout and runs until its input ends.
// Started by test/traced under strace; argv: folder.
import { createNode } from '../../node/index.ts'

const [, , dir = ''] = process.argv
const node = await createNode({
  profile: { dir },
  name: 'bob',
  network: { listen: ['/ip4/127.0.0.1/tcp/0'] },
})
process.stdout.write(`${node.id.link}\n`)
process.stdin.resume()
process.stdin.once('end', () => void node.stop())
