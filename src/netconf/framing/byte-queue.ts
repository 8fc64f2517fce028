/** Bytes in order of arrival: appended at the tail, taken from the head, in amortised constant time a byte. */
export interface ByteQueue {
  readonly length: () => number
  readonly append: (bytes: Buffer) => void
  /** The byte at an offset from the head, undefined beyond the tail. */
  readonly at: (offset: number) => number | undefined
  /** Offset of the needle at or after `from`, or -1. */
  readonly indexOf: (needle: Buffer, from: number) => number
  /** Removes and returns the first `count` bytes; what was handed out is never overwritten. */
  readonly take: (count: number) => Buffer
  readonly skip: (count: number) => void
}

const NOTHING = Buffer.alloc(0)

/** An empty queue. It holds no storage while it is empty. */
export function createByteQueue(): ByteQueue {
  let storage: Buffer = NOTHING
  let head = 0
  let tail = 0

  const release = (): void => {
    if (head !== tail) return
    storage = NOTHING
    head = 0
    tail = 0
  }

  return {
    length: () => tail - head,
    append: (bytes) => {
      if (head === tail) {
        // Adopted without a copy: the common case is a whole message in one read.
        storage = bytes
        head = 0
        tail = bytes.length
        return
      }
      if (storage.length - tail < bytes.length || tail === storage.length) {
        const grown = Buffer.allocUnsafe((tail - head + bytes.length) * 2)
        storage.copy(grown, 0, head, tail)
        storage = grown
        tail -= head
        head = 0
      }
      bytes.copy(storage, tail)
      tail += bytes.length
    },
    at: (offset) => (head + offset < tail ? storage[head + offset] : undefined),
    indexOf: (needle, from) => storage.subarray(head, tail).indexOf(needle, from),
    take: (count) => {
      const taken = storage.subarray(head, Math.min(head + count, tail))
      head += taken.length
      release()
      return taken
    },
    skip: (count) => {
      head = Math.min(head + count, tail)
      release()
    },
  }
}
