import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

// What a simulated run really loads, in a process of its own: neither libp2p nor anything of Node.

interface Loaded {
  readonly by: string
  readonly url: string
}

const root = new URL('../../', import.meta.url).href

const PROGRAM = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({
  resolve(name, context, next) {
    const found = next(name, context)
    loaded.push({ by: context.parentURL ?? '', url: found.url })
    return found
  },
})
const { runSafely } = await import('${root}test/sim/campaign.ts')
const { problems } = await runSafely(1)
process.stdout.write(JSON.stringify({ problems, loaded }))
`

test('a simulated run loads neither libp2p nor modules of Node', async () => {
  const args = ['--input-type=module', '--eval', PROGRAM]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 })
  const { problems, loaded } = JSON.parse(stdout) as {
    readonly problems: readonly string[]
    readonly loaded: readonly Loaded[]
  }
  expect(problems).toEqual([])
  const ours = loaded.filter(({ by }) => by.startsWith(root) && !by.includes('/node_modules/'))
  expect(ours.map(({ url }) => url)).toContain(`${root}node/core.ts`)
  expect(ours.filter(({ url }) => url.startsWith('node:'))).toEqual([])
  // Its types of errors and names of peers are no network.
  const network = /\/node_modules\/(?:libp2p|@chainsafe\/libp2p-[^/]+|@libp2p\/[^/]+)\//
  const harmless = /\/node_modules\/@libp2p\/(?:interface|peer-id|crypto|utils|logger)\//
  const parts = loaded.filter(({ url }) => network.test(url) && !harmless.test(url))
  expect(parts).toEqual([])
  expect(loaded.filter(({ url }) => url === `${root}net/wire.ts`)).toEqual([])
})
