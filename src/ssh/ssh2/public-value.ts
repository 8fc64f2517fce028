/**
 * Whether a public value of Diffie-Hellman is below 2 or above p - 2: the secret is then known to anybody (RFC 4253
 * §8). OpenSSL takes such values, of any length.
 * @param prime an odd number without leading zeros
 */
export function isOutOfRange(theirs: Buffer, prime: Buffer): boolean {
  const first = theirs.findIndex((byte) => byte !== 0)
  const value = first === -1 ? Buffer.alloc(0) : theirs.subarray(first)
  const isSmall = value.length === 0 || (value.length === 1 && (value[0] ?? 0) < 2)
  const isLarge = value.length > prime.length || (value.length === prime.length && value.compare(lessOne(prime)) >= 0)
  return isSmall || isLarge
}

/** An odd number less one. */
function lessOne(odd: Buffer): Buffer {
  const even = Buffer.from(odd)
  even[even.length - 1] = (odd.at(-1) ?? 0) & 0xfe
  return even
}
