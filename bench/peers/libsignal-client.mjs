// Signal's own library (Rust): PQXDH and the Triple Ratchet, without header encryption. Its stores are maps of live handles:
// nothing is serialised, which is faster than the documented way of bytes for every message.
import * as signal from '@signalapp/libsignal-client'

const REGISTRATION = 7
const DEVICE = 1
let people = 0

class Sessions extends signal.SessionStore {
  #records = new Map()

  async saveSession(address, record) {
    this.#records.set(address.toString(), record)
  }

  async getSession(address) {
    return this.#records.get(address.toString()) ?? null
  }

  async getExistingSessions(addresses) {
    const found = await Promise.all(addresses.map((address) => this.getSession(address)))
    return found.filter((record) => record !== null)
  }
}

class Identities extends signal.IdentityKeyStore {
  #known = new Map()

  constructor(key) {
    super()
    this.key = key
  }

  async getIdentityKey() {
    return this.key
  }

  async getLocalRegistrationId() {
    return REGISTRATION
  }

  async saveIdentity(address, key) {
    this.#known.set(address.toString(), key)
    return signal.IdentityChange.NewOrUnchanged
  }

  async isTrustedIdentity() {
    return true
  }

  async getIdentity(address) {
    return this.#known.get(address.toString()) ?? null
  }
}

class Prekeys extends signal.PreKeyStore {
  records = new Map()

  async savePreKey(id, record) {
    this.records.set(id, record)
  }

  async getPreKey(id) {
    return this.records.get(id)
  }

  async removePreKey(id) {
    this.records.delete(id)
  }
}

class SignedPrekeys extends signal.SignedPreKeyStore {
  records = new Map()

  async saveSignedPreKey(id, record) {
    this.records.set(id, record)
  }

  async getSignedPreKey(id) {
    return this.records.get(id)
  }
}

class KemPrekeys extends signal.KyberPreKeyStore {
  records = new Map()

  async saveKyberPreKey(id, record) {
    this.records.set(id, record)
  }

  async getKyberPreKey(id) {
    return this.records.get(id)
  }

  async markKyberPreKeyUsed() {}
}

class Person {
  address = signal.ProtocolAddress.new(`person-${people++}`, DEVICE)
  key = signal.PrivateKey.generate()
  sessions = new Sessions()
  identities = new Identities(this.key)
  prekeys = new Prekeys()
  signedPrekeys = new SignedPrekeys()
  kemPrekeys = new KemPrekeys()

  async publish() {
    const oneTime = signal.PrivateKey.generate()
    const signed = signal.PrivateKey.generate()
    const kem = signal.KEMKeyPair.generate()
    const signature = this.key.sign(signed.getPublicKey().serialize())
    const kemSignature = this.key.sign(kem.getPublicKey().serialize())
    const now = Date.now()
    await this.prekeys.savePreKey(1, signal.PreKeyRecord.new(1, oneTime.getPublicKey(), oneTime))
    await this.signedPrekeys.saveSignedPreKey(
      2,
      signal.SignedPreKeyRecord.new(2, now, signed.getPublicKey(), signed, signature),
    )
    await this.kemPrekeys.saveKyberPreKey(
      3,
      signal.KyberPreKeyRecord.new(3, now, kem, kemSignature),
    )
    return signal.PreKeyBundle.new(
      REGISTRATION,
      DEVICE,
      1,
      oneTime.getPublicKey(),
      2,
      signed.getPublicKey(),
      signature,
      this.key.getPublicKey(),
      3,
      kem.getPublicKey(),
      kemSignature,
    )
  }

  sideTowards(peer) {
    return {
      encrypt: async (plaintext) => {
        const message = await signal.signalEncrypt(
          plaintext,
          peer,
          this.address,
          this.sessions,
          this.identities,
        )
        return { type: message.type(), bytes: message.serialize() }
      },
      decrypt: ({ type, bytes }) =>
        type === signal.CiphertextMessageType.PreKey
          ? signal.signalDecryptPreKey(
              signal.PreKeySignalMessage.deserialize(bytes),
              peer,
              this.address,
              this.sessions,
              this.identities,
              this.prekeys,
              this.signedPrekeys,
              this.kemPrekeys,
            )
          : signal.signalDecrypt(
              signal.SignalMessage.deserialize(bytes),
              peer,
              this.address,
              this.sessions,
              this.identities,
            ),
      bytesOf: ({ bytes }) => bytes.length,
      storedBytes: async () => (await this.sessions.getSession(peer)).serialize().length,
    }
  }
}

export const subject = {
  name: 'libsignal-client',
  pace: { oneWay: 500, pingPong: 400, setUp: 80 },
  opensReversed: true,
  async prepare() {
    const [we, they] = [new Person(), new Person()]
    const bundle = await they.publish()
    return {
      async setUp(first) {
        await signal.processPreKeyBundle(
          bundle,
          they.address,
          we.address,
          we.sessions,
          we.identities,
        )
        const [ours, theirs] = [we.sideTowards(they.address), they.sideTowards(we.address)]
        const message = await ours.encrypt(first)
        return { ours, theirs, first: message, opened: await theirs.decrypt(message) }
      },
    }
  },
}
