import { Readable } from 'node:stream'

/** Octets on their way out of a guard, as a stream that takes them without another stream's turn in between. */
export interface OutgoingOctets {
  readonly stream: Readable
  readonly push: (octets: Buffer) => void
  readonly end: () => void
  readonly ended: () => boolean
  /** Calls back once what was pushed is few enough for more; at once when it is. */
  readonly whenRoom: (resume: () => void) => void
}

/** Octets that wait before those who push should wait. */
const HIGH_WATER_MARK = 64 * 1024

export function createOutgoingOctets(): OutgoingOctets {
  const waiting: (() => void)[] = []
  let full = false
  let ended = false
  const stream = new Readable({
    highWaterMark: HIGH_WATER_MARK,
    read: () => {
      full = false
      for (const resume of waiting.splice(0)) resume()
    },
  })
  return {
    stream,
    push: (octets) => {
      full = !stream.push(octets)
    },
    end: () => {
      if (!ended) stream.push(null)
      ended = true
    },
    ended: () => ended,
    whenRoom: (resume) => {
      if (full) waiting.push(resume)
      else resume()
    },
  }
}
