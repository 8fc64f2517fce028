import type { Writable } from 'node:stream'

/**
 * Takes bytes on their way to the other side. It takes whatever comes; who minds `hasRoom` and `whenRoom` keeps it from
 * holding much.
 */
export interface ByteSink {
  readonly take: (bytes: Buffer) => void
  readonly hasRoom: () => boolean
  /** Calls back once more may come; at once when there is room. */
  readonly whenRoom: (resume: () => void) => void
  /** Nothing more comes. */
  readonly end: () => void
}

/** Settles once a sink has room for more. */
export async function roomIn({ hasRoom, whenRoom }: ByteSink): Promise<void> {
  if (!hasRoom()) await new Promise<void>(whenRoom)
}

/** A stream as a sink. */
export interface StreamSink extends ByteSink {
  /** Nobody reads the stream any more: what comes is dropped, and there is always room. */
  readonly abandon: () => void
}

/** @param end what the end of the bytes means for the stream */
export function sinkInto(stream: Writable, end: () => void): StreamSink {
  const waiting: (() => void)[] = []
  let full = false
  let abandoned = false
  const relieve = (): void => {
    full = false
    for (const resume of waiting.splice(0)) resume()
  }
  stream.on('drain', relieve)
  return {
    take: (bytes) => {
      if (!abandoned && stream.writable) full = !stream.write(bytes)
    },
    hasRoom: () => !full,
    whenRoom: (resume) => {
      if (full) waiting.push(resume)
      else resume()
    },
    end,
    abandon: () => {
      abandoned = true
      relieve()
    },
  }
}
