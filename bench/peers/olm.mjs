// libolm (C, compiled to WebAssembly): 3DH and a Double Ratchet without header encryption. Text in, base64 out. It keeps 40
// skipped keys, so it cannot open 1000 messages in reverse.
import Olm from '@matrix-org/olm'

// The path is the same for a file and in a page that is served from the root of the repository.
const wasm = new URL('node_modules/@matrix-org/olm/olm.wasm', import.meta.url).pathname
globalThis.OLM_OPTIONS = undefined // it assigns this without declaring it, which a module may not
await Olm.init({ locateFile: () => wasm })

// Contents are ASCII here.
const decoder = new TextDecoder()
const encoder = new TextEncoder()

const side = (session) => ({
  encrypt: (plaintext) => session.encrypt(decoder.decode(plaintext)),
  decrypt: (message) => encoder.encode(session.decrypt(message.type, message.body)),
  bytesOf: ({ body }) => Math.floor((body.length * 3) / 4), // base64 without padding
  storedBytes: () => Math.floor((session.pickle('').length * 3) / 4),
})

function newAccount() {
  const account = new Olm.Account()
  account.create()
  return account
}

export const subject = {
  name: 'olm',
  pace: { oneWay: 3000, pingPong: 300, setUp: 100 },
  opensReversed: false,
  async prepare() {
    const [we, they] = [newAccount(), newAccount()]
    they.generate_one_time_keys(1)
    const identityKey = JSON.parse(they.identity_keys()).curve25519
    const [oneTimeKey] = Object.values(JSON.parse(they.one_time_keys()).curve25519)
    return {
      async setUp(first) {
        const [outgoing, incoming] = [new Olm.Session(), new Olm.Session()]
        outgoing.create_outbound(we, identityKey, oneTimeKey)
        const ours = side(outgoing)
        const message = ours.encrypt(first)
        incoming.create_inbound(they, message.body)
        const theirs = side(incoming)
        const opened = theirs.decrypt(message)
        they.remove_one_time_keys(incoming)
        return {
          ours,
          theirs,
          first: message,
          opened,
          end: () => [outgoing, incoming, we, they].forEach((held) => held.free()),
        }
      },
    }
  },
}
