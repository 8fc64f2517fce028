/**
 * A few bytes that are kept for as long as a link, packed beside others of their kind. Buffer's own pool puts them
 * among the short-lived ones of a handshake, and each of them then keeps the 8 KiB that it was cut from.
 */
export function packBytes(bytes: Uint8Array): Buffer {
  const kept = roomFor(bytes.length)
  kept.set(bytes)
  return kept
}

const SLAB = 16 * 1024
/** More bytes than this have memory of their own. */
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
