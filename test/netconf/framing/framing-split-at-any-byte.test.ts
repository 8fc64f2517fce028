import { describe, expect, test } from 'vitest'
import { createFrameDecoder, type FrameDecoder } from '../../../src/netconf/framing/frame-decoder.js'
import { encodeFrame, encodePart, endOfFrame } from '../../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../../src/netconf/framing/framing.js'

const MESSAGES = ['<rpc a="]]>]]"/>', '', '<rpc>é\n##\n#4\n</rpc>', `<x>${'y'.repeat(300)}</x>`]

function drain(decoder: FrameDecoder): string[] {
  const messages: string[] = []
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
    if (frame.kind === 'error') return [...messages, `error ${frame.error.kind}`]
    messages.push(frame.bytes.toString())
  }
  return messages
}

function decodeInPieces(framing: Framing, stream: Buffer, cuts: readonly number[]): string[] {
  const decoder = createFrameDecoder({ framing })
  const edges = [0, ...cuts, stream.length]
  const messages = edges.slice(1).flatMap((edge, index) => {
    decoder.push(stream.subarray(edges[index], edge))
    return drain(decoder)
  })
  expect(decoder.buffered()).toBe(0)
  return messages
}

const streams = {
  'end-of-message': Buffer.concat(MESSAGES.map((message) => encodeFrame('end-of-message', message))),
  chunked: Buffer.concat(
    MESSAGES.filter((message) => message !== '').map((message) => encodeFrame('chunked', message, { chunkSize: 7 })),
  ),
} as const

describe.each(['end-of-message', 'chunked'] as const)('%s framing', (framing) => {
  const stream = streams[framing]
  const expected = framing === 'chunked' ? MESSAGES.filter((message) => message !== '') : MESSAGES

  test('whole', () => expect(decodeInPieces(framing, stream, [])).toEqual(expected))

  test('split in two at every byte', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) expect(decodeInPieces(framing, stream, [cut])).toEqual(expected)
  })

  test('one byte at a time', () => {
    expect(decodeInPieces(framing, stream, Array.from(stream.keys()))).toEqual(expected)
  })

  test('split anywhere, many times', () => {
    const random = pseudoRandom(7)
    for (let round = 0; round < 500; round += 1) {
      const cuts = Array.from({ length: 1 + (random() % 12) }, () => random() % stream.length).toSorted((a, b) => a - b)
      expect(decodeInPieces(framing, stream, cuts)).toEqual(expected)
    }
  })

  test('any message comes back from any chunk size', () => {
    const random = pseudoRandom(11)
    for (let round = 0; round < 200; round += 1) {
      const message = Buffer.from(Array.from({ length: 1 + (random() % 400) }, () => random() % 256))
      if (message.includes(']]>]]>')) continue
      const decoder = createFrameDecoder({ framing })
      decoder.push(encodeFrame(framing, message, { chunkSize: 1 + (random() % 50) }))
      expect(decoder.next()).toEqual({ kind: 'message', bytes: message })
    }
  })

  test('parts that are sent as they come into being make one message', () => {
    const parts = ['<a>', '', 'b', '</a>'].map((part) => encodePart(framing, Buffer.from(part)))
    expect(decodeInPieces(framing, Buffer.concat([...parts, endOfFrame(framing)]), [])).toEqual(['<a>b</a>'])
  })
})

test('a delimiter inside an attribute ends the message all the same', () => {
  const decoder = createFrameDecoder()
  decoder.push(Buffer.from('<a b="]]>]]>"/>]]>]]>'))
  expect(drain(decoder)).toEqual(['<a b="', '"/>'])
})

test('the framing changes for bytes of the same read', () => {
  const decoder = createFrameDecoder()
  decoder.push(Buffer.concat([encodeFrame('end-of-message', '<hello/>'), encodeFrame('chunked', '<rpc/>')]))
  expect(decoder.next()).toMatchObject({ kind: 'message', bytes: Buffer.from('<hello/>') })
  decoder.switchTo('chunked')
  expect(drain(decoder)).toEqual(['<rpc/>'])
})

describe('what is refused', () => {
  test.each([
    ['no line feed', '#4\nabcd'],
    ['no number sign', '\n4\nabcd'],
    ['no length', '\n#\nabcd'],
    ['zero', '\n#0\n'],
    ['a leading zero', '\n#04\nabcd'],
    ['a letter', '\n#4a\nabcd'],
    ['more than 4294967295', '\n#4294967296\n'],
    ['eleven digits', '\n#11111111111\n'],
    ['an end before any chunk', '\n##\n'],
    ['an end that goes on', '\n#1\na\n##x'],
    ['a chunk shorter than said', '\n#2\na\n##\n'],
  ])('%s', (_what, bytes) => {
    const decoder = createFrameDecoder({ framing: 'chunked' })
    decoder.push(Buffer.from(bytes))
    expect(drain(decoder)).toEqual(['error invalid-chunk'])
    decoder.push(encodeFrame('chunked', '<rpc/>'))
    expect(drain(decoder)).toEqual(['error invalid-chunk'])
  })

  test.each(['end-of-message', 'chunked'] as const)('more than the bound in %s', (framing) => {
    const fits = createFrameDecoder({ framing, maxMessageSize: 10 })
    fits.push(encodeFrame(framing, '1234567890', { chunkSize: 4 }))
    expect(drain(fits)).toEqual(['1234567890'])
    const over = createFrameDecoder({ framing, maxMessageSize: 10 })
    over.push(encodeFrame(framing, '12345678901', { chunkSize: 4 }))
    expect(drain(over)).toEqual(['error message-too-big'])
  })

  test('an endless message is given up at the bound, not kept', () => {
    const decoder = createFrameDecoder({ maxMessageSize: 1000 })
    for (let read = 0; read < 10; read += 1) {
      decoder.push(Buffer.alloc(500, 'x'))
      decoder.next()
    }
    expect(decoder.next()).toMatchObject({ kind: 'error', error: { kind: 'message-too-big', limit: 1000 } })
    expect(decoder.buffered()).toBe(0)
  })

  test('a chunk that is announced larger than the bound is refused before it is read', () => {
    const decoder = createFrameDecoder({ framing: 'chunked', maxMessageSize: 1000 })
    decoder.push(Buffer.from('\n#4294967295\n'))
    expect(drain(decoder)).toEqual(['error message-too-big'])
  })
})

test('a long message in small reads takes time in proportion, not squared', () => {
  const message = Buffer.alloc(8 * 1024 * 1024, 'x')
  for (const framing of ['end-of-message', 'chunked'] as const) {
    const decoder = createFrameDecoder({ framing })
    const stream = encodeFrame(framing, message, { chunkSize: 512 })
    let found: Buffer | undefined
    for (let at = 0; at < stream.length; at += 256) {
      decoder.push(stream.subarray(at, at + 256))
      const frame = decoder.next()
      if (frame?.kind === 'message') found = frame.bytes
    }
    // Rescanning the tail would look at 137 GB here and run into the time limit.
    expect(found?.equals(message)).toBe(true)
  }
})

function pseudoRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state >> 8
  }
}
