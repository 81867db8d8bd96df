// A program that starts another one and then ends without saying goodbye to it. Arguments: log file, and how it ends.
import { Processes } from '../../testnet/process.ts'

const [, , log = '', way = ''] = process.argv
// As the command line does with the second signal.
process.on('SIGTERM', () => process.exit(143))
const processes = new Processes()
const child = await processes.start({
  entry: [process.execPath],
  args: ['-e', 'console.log("ready"); setInterval(() => {}, 1000)'],
  log,
  signal: new AbortController().signal,
})
process.stdout.write(`${child.pid}\n`, () => {
  if (way === 'exit') process.exit(1)
})
setInterval(() => undefined, 1000)
