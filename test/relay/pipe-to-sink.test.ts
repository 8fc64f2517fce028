import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { sinkInto } from '../../src/relay/byte-sink.js'
import { pipeToSink } from '../../src/relay/pipe-to-sink.js'

/** A stream that takes a piece only when told. */
function slowStream() {
  const taken: string[] = []
  let take: (() => void) | undefined
  const stream = new Writable({
    highWaterMark: 4,
    write: (bytes: Buffer, _encoding, done) => {
      taken.push(bytes.toString())
      take = done
    },
  })
  return { stream, taken, go: () => take?.() }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('octets that are poured', () => {
  it('arrive in order, and their end after them', async () => {
    const source = new PassThrough()
    const target = new PassThrough()
    pipeToSink(
      source,
      sinkInto(target, () => void target.end()),
    )
    for (let piece = 0; piece < 1000; piece += 1) source.write(`${piece},`)
    source.end()
    let read = ''
    for await (const bytes of target) read += String(bytes)
    expect(read).toBe(Array.from({ length: 1000 }, (_, piece) => `${piece},`).join(''))
  })

  it('wait at their source while there is no room', async () => {
    const source = new PassThrough()
    const { stream, taken, go } = slowStream()
    pipeToSink(
      source,
      sinkInto(stream, () => undefined),
    )
    source.write('aaaa')
    await turn()
    source.write('bbbb')
    await turn()
    expect([taken, stream.writableLength, source.readableLength]).toEqual([['aaaa'], 4, 4])
    const drained = once(stream, 'drain')
    go()
    await drained
    await turn()
    expect([taken, source.readableLength]).toEqual([['aaaa', 'bbbb'], 0])
  })

  it('run dry where nobody reads them any more', async () => {
    const source = new PassThrough()
    const { stream, taken } = slowStream()
    const sink = sinkInto(stream, () => undefined)
    pipeToSink(source, sink)
    source.write('aaaa')
    await turn()
    source.write('bbbb')
    sink.abandon()
    source.end('cccc')
    await once(source, 'end')
    expect(taken).toEqual(['aaaa'])
  })

  it('are not poured after it was stopped, and run dry', async () => {
    const source = new PassThrough()
    const { stream, taken, go } = slowStream()
    const stop = pipeToSink(
      source,
      sinkInto(stream, () => void stream.end()),
    )
    source.write('aaaa')
    await turn()
    stop()
    source.end('bbbb')
    await once(source, 'end')
    go()
    await turn()
    expect([taken, stream.writableEnded]).toEqual([['aaaa'], false])
  })
})
