/**
 * A key encapsulation mechanism: whoever has made a key pair gets a secret out of what another has made with the public
 * key. Sizes are in bytes. Both sides have checked them before; what else is wrong with what they are given is thrown.
 */
export interface Kem extends Encapsulation {
  readonly generate: () => KemKeyPair
}

/** The side of a mechanism that has no key pair of its own: all that a server needs. */
export interface Encapsulation {
  readonly publicKeyLength: number
  readonly ciphertextLength: number
  readonly encapsulate: (publicKey: Buffer) => { readonly secret: Uint8Array; readonly ciphertext: Uint8Array }
}

export interface KemKeyPair {
  readonly publicKey: Uint8Array
  /** A ciphertext that was not made with the public key gives a secret that nobody else has (FIPS 203 §6.3). */
  readonly decapsulate: (ciphertext: Buffer) => Uint8Array
}
