// The demo in a network whose DHT gives nothing out.
import { fileURLToPath } from 'node:url'
import { runDemo } from '../../testnet/demo.ts'

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
process.exitCode = await runDemo({
  output: {
    json: false,
    result: (_, text) => Promise.resolve(console.log(text)),
    line: (text) => Promise.resolve(console.log(text)),
    talk: console.error,
  },
  entry: [process.execPath, '--import', path('./silent-dht.ts'), path('../../cli/main.ts')],
  signal: new AbortController().signal,
})
