// 2key-ratchet (TypeScript on Web Crypto): an X3DH-like handshake and a Double Ratchet over P-256, AES-CBC and HMAC, without
// header encryption.
import ratchet from '2key-ratchet'

ratchet.setEngine('WebCrypto', globalThis.crypto)
let people = 0

const newIdentity = () => ratchet.Identity.create(++people, 1, 1)
const buffer = (bytes) => new Uint8Array(bytes).buffer

async function publish(identity) {
  const bundle = new ratchet.PreKeyBundleProtocol()
  await bundle.identity.fill(identity)
  bundle.registrationId = identity.id
  bundle.preKey.id = 0
  bundle.preKey.key = identity.preKeys[0].publicKey
  bundle.preKeySigned.id = 0
  bundle.preKeySigned.key = identity.signedPreKeys[0].publicKey
  await bundle.preKeySigned.sign(identity.signingKey.privateKey)
  return bundle.exportProto()
}

const side = (session) => ({
  async encrypt(plaintext) {
    const message = await session.encrypt(buffer(plaintext))
    return message.exportProto()
  },
  async decrypt(message) {
    const parsed = await ratchet.MessageSignedProtocol.importProto(message)
    return new Uint8Array(await session.decrypt(parsed))
  },
  bytesOf: (message) => message.byteLength,
  storedBytes: async () => JSON.stringify(await session.toJSON()).length,
})

export const subject = {
  name: '2key-ratchet',
  pace: { oneWay: 150, pingPong: 80, setUp: 30 },
  opensReversed: true,
  async prepare() {
    const [we, they] = [await newIdentity(), await newIdentity()]
    const published = await publish(they)
    return {
      async setUp(first) {
        const bundle = await ratchet.PreKeyBundleProtocol.importProto(published)
        const outgoing = await ratchet.AsymmetricRatchet.create(we, bundle)
        const message = await (await outgoing.encrypt(buffer(first))).exportProto()
        const received = await ratchet.PreKeyMessageProtocol.importProto(message)
        const incoming = await ratchet.AsymmetricRatchet.create(they, received)
        const opened = new Uint8Array(await incoming.decrypt(received.signedMessage))
        return { ours: side(outgoing), theirs: side(incoming), first: message, opened }
      },
    }
  },
}
