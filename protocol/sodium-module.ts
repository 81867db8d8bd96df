// libsodium below its JavaScript wrappers, as far as `primitives.ts` calls it. Every number is an address, a length or a status.

/** The part of libsodium's WebAssembly module that is called. 64-bit lengths go in two halves. */
export interface SodiumModule {
  readonly HEAPU8: Uint8Array
  _malloc(length: number): number
  _free(address: number): void
  _crypto_generichash(
    out: number,
    outLength: number,
    message: number,
    length: number,
    lengthHigh: number,
    key: number,
    keyLength: number,
  ): number
  _crypto_kdf_derive_from_key(
    out: number,
    outLength: number,
    id: number,
    idHigh: number,
    context: number,
    key: number,
  ): number
  _crypto_aead_xchacha20poly1305_ietf_encrypt(
    out: number,
    outLength: number,
    message: number,
    length: number,
    lengthHigh: number,
    ad: number,
    adLength: number,
    adLengthHigh: number,
    secretNonce: number,
    nonce: number,
    key: number,
  ): number
  _crypto_aead_xchacha20poly1305_ietf_decrypt(
    out: number,
    outLength: number,
    secretNonce: number,
    sealed: number,
    length: number,
    lengthHigh: number,
    ad: number,
    adLength: number,
    adLengthHigh: number,
    nonce: number,
    key: number,
  ): number
  _crypto_scalarmult(out: number, privateKey: number, publicKey: number): number
  _crypto_scalarmult_base(out: number, privateKey: number): number
  _crypto_sign_seed_keypair(publicKey: number, privateKey: number, seed: number): number
  _crypto_sign_detached(
    out: number,
    outLength: number,
    message: number,
    length: number,
    lengthHigh: number,
    privateKey: number,
  ): number
  _crypto_sign_verify_detached(
    signature: number,
    message: number,
    length: number,
    lengthHigh: number,
    publicKey: number,
  ): number
  _crypto_sign_ed25519_pk_to_curve25519(out: number, publicKey: number): number
  _crypto_kem_mlkem768_seed_keypair(publicKey: number, privateKey: number, seed: number): number
  _crypto_kem_mlkem768_enc_deterministic(
    ciphertext: number,
    secret: number,
    publicKey: number,
    randomness: number,
  ): number
  _crypto_kem_mlkem768_dec(secret: number, ciphertext: number, privateKey: number): number
}
