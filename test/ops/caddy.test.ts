// The example for Caddy, as Debian's Caddy runs it: somebody leaves mail through it, over TLS.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../net/platform/clock.ts'
import { hostMailbox } from '../../mailbox/main.ts'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { depositElsewhere } from '../support/depositor.ts'
import { Caller } from '../support/loaded-mailbox.ts'
import type { AddressInfo } from 'node:net'

const run = promisify(execFile)
const example = new URL('../../ops/caddy/Caddyfile', import.meta.url).pathname

beforeAll(() => ready)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Caddy with this configuration, in a folder of its own. Resolves when it has made its certificate. */
async function caddy(dir: string, config: string): Promise<string> {
  const file = join(dir, 'Caddyfile')
  await writeFile(file, config)
  const env = { ...process.env, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir }
  const args = ['run', '--adapter', 'caddyfile', '--config', file]
  const child = spawn('caddy', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const exit = once(child, 'exit')
  onTestFinished(async () => {
    child.kill()
    await exit
  })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    exit.then(() => reject(new Error(said)), reject)
    child.stderr.on('data', (bytes) => {
      said += String(bytes)
      if (said.includes('certificate obtained successfully')) resolve()
    })
  })
  return join(dir, 'caddy/pki/authorities/local/root.crt')
}

test('the example is valid, and mail comes through it', async () => {
  const args = ['validate', '--adapter', 'caddyfile', '--config', example]
  expect((await run('caddy', args)).stdout).toContain('Valid configuration')

  const dir = await mkdtemp(join(tmpdir(), 'sotto-caddy-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const mailbox = await hostMailbox({
    profile: { memory: true },
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    clock: systemClock,
  })
  onTestFinished(() => mailbox.stop())
  const inside = /tcp\/(\d+)\/ws/.exec(mailbox.addresses[0] ?? '')?.[1]
  const port = await freePort()
  const text = await readFile(example, 'utf8')
  const site = text
    .replace('mail.example.org {', `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls internal`)
    .replaceAll('127.0.0.1:4602', `127.0.0.1:${inside}`)
  const global = '{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n'
  const root = await caddy(dir, global + site)

  const { link, peer } = mailbox
  const near = { link, peer, addresses: mailbox.addresses }
  const far = { link, peer, addresses: [`/dns4/localhost/tcp/${port}/tls/ws/p2p/${peer}`] }
  const owner = await Caller.start()
  onTestFinished(() => owner.stop())
  const client = await owner.joined(near, () => undefined)
  await client.close()
  const order = { meeting: far, owners: [toHex(owner.account.key)], name: 'caddy', count: 3 }
  // By somebody who trusts Caddy's certificate.
  expect(await depositElsewhere(order, { NODE_EXTRA_CA_CERTS: root })).toHaveLength(3)
  expect(await mailbox.status()).toMatchObject({ accepted: 3, waiting: 3 })
})
