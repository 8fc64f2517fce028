/**
 * A few octets that are kept for as long as a link, packed beside others of their kind. Buffer's own pool puts them among the short-lived ones of a
 * handshake, and each of them then keeps the 8 KiB that it was cut from.
 */
export function keepOctets(octets: Uint8Array): Buffer {
  const kept = roomFor(octets.length)
  kept.set(octets)
  return kept
}

const SLAB = 16 * 1024
/** More octets than this have memory of their own. */
const LARGEST = 2 * 1024

let slab = Buffer.alloc(0)
let used = 0

function roomFor(size: number): Buffer {
  if (size > LARGEST) return Buffer.allocUnsafeSlow(size)
  if (used + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB)
    used = 0
  }
  used += size
  return slab.subarray(used - size, used)
}
