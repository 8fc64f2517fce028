/** Random bytes by the few: one call into OpenSSL costs as much for ten bytes as for thousands. */
export interface RandomPool {
  /** Fills a part of a buffer; no byte is given out twice. The offset and the size are in bytes. */
  readonly fill: (into: Uint8Array, offset: number, size: number) => void
}

/**
 * @param refill makes all of a buffer random
 * @param size bytes that are made at once
 */
export function createRandomPool(refill: (pool: Uint8Array) => unknown, size = 64 * 1024): RandomPool {
  const pool = Buffer.alloc(size)
  let used = size
  return {
    fill: (into, offset, wanted) => {
      for (let at = 0; at < wanted; at += 1) {
        if (used === size) {
          refill(pool)
          used = 0
        }
        into[offset + at] = pool[used] ?? 0
        // What was given out is not kept.
        pool[used] = 0
        used += 1
      }
    },
  }
}
