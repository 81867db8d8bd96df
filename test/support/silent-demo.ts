// The demo with DHT peers that give nothing out.
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
  entry: [process.execPath, path('../../cli/main.ts')],
  others: [process.execPath, path('./silent-peer.ts')],
  signal: new AbortController().signal,
})
