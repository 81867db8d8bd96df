// A Signal protocol in TypeScript: X3DH and a Double Ratchet without header encryption, curves in asm.js, the rest in Web
// Crypto. The session is a JSON record that is stored for every message.
import signal from '@privacyresearch/libsignal-protocol-typescript'

const { KeyHelper, SessionBuilder, SessionCipher, SignalProtocolAddress } = signal
const REGISTRATION = 7
let people = 0

class Store {
  #values = new Map()

  constructor(identity) {
    this.identity = identity
  }

  getIdentityKeyPair = async () => this.identity
  getLocalRegistrationId = async () => REGISTRATION
  isTrustedIdentity = async () => true
  saveIdentity = async () => false
  loadPreKey = async (id) => this.#values.get(`one-time ${id}`)
  storePreKey = async (id, pair) => void this.#values.set(`one-time ${id}`, pair)
  removePreKey = async (id) => void this.#values.delete(`one-time ${id}`)
  loadSignedPreKey = async (id) => this.#values.get(`signed ${id}`)
  storeSignedPreKey = async (id, pair) => void this.#values.set(`signed ${id}`, pair)
  removeSignedPreKey = async (id) => void this.#values.delete(`signed ${id}`)
  loadSession = async (address) => this.#values.get(`session ${address}`)
  storeSession = async (address, record) => void this.#values.set(`session ${address}`, record)
}

async function newPerson() {
  const identity = await KeyHelper.generateIdentityKeyPair()
  return {
    identity,
    store: new Store(identity),
    address: new SignalProtocolAddress(`person-${people++}`, 1),
  }
}

async function publish({ identity, store }) {
  const oneTime = await KeyHelper.generatePreKey(1)
  const signed = await KeyHelper.generateSignedPreKey(identity, 2)
  await store.storePreKey(1, oneTime.keyPair)
  await store.storeSignedPreKey(2, signed.keyPair)
  return {
    registrationId: REGISTRATION,
    identityKey: identity.pubKey,
    signedPreKey: { keyId: 2, publicKey: signed.keyPair.pubKey, signature: signed.signature },
    preKey: { keyId: 1, publicKey: oneTime.keyPair.pubKey },
  }
}

const FIRST = 3

function side(store, peer) {
  const cipher = new SessionCipher(store, peer)
  return {
    encrypt: (plaintext) => cipher.encrypt(new Uint8Array(plaintext).buffer),
    async decrypt({ type, body }) {
      const opened =
        type === FIRST
          ? await cipher.decryptPreKeyWhisperMessage(body, 'binary')
          : await cipher.decryptWhisperMessage(body, 'binary')
      return new Uint8Array(opened)
    },
    bytesOf: ({ body }) => body.length, // a string of bytes
    // A record is JSON in ASCII.
    storedBytes: async () => (await store.loadSession(peer.toString())).length,
  }
}

export const subject = {
  name: 'privacyresearch',
  pace: { oneWay: 100, pingPong: 16, setUp: 4 },
  opensReversed: true,
  async prepare() {
    const [we, they] = [await newPerson(), await newPerson()]
    const bundle = await publish(they)
    return {
      async setUp(first) {
        await new SessionBuilder(we.store, they.address).processPreKey(bundle)
        const [ours, theirs] = [side(we.store, they.address), side(they.store, we.address)]
        const message = await ours.encrypt(first)
        return { ours, theirs, first: message, opened: await theirs.decrypt(message) }
      },
    }
  },
}
