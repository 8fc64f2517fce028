import type { Readable } from 'node:stream'
import type { ByteSink } from './byte-sink.js'

/**
 * Hands what a stream gives to a sink, as `pipe` does to another stream; the stream waits while the sink has no room.
 * @returns stops it: what the stream still gives is nobody's, and it runs dry
 */
export function pipeToSink(source: Readable, sink: ByteSink): () => void {
  let pouring = true
  const resume = (): void => {
    if (pouring) source.resume()
  }
  const hand = (bytes: Buffer): void => {
    sink.take(bytes)
    if (sink.hasRoom()) return
    source.pause()
    sink.whenRoom(resume)
  }
  source.on('data', hand)
  source.once('end', sink.end)
  return () => {
    pouring = false
    source.off('data', hand)
    source.off('end', sink.end)
    source.resume()
  }
}
