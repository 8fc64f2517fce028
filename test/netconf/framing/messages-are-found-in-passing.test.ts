import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../../src/netconf/framing/framing.js'
import { createMessageScanner, type MessageScanner } from '../../../src/netconf/framing/message-scanner.js'

interface Found {
  readonly bytes: number
  readonly head: string
  readonly tail: string
  /** Where in the whole stream it ended. */
  readonly end: number
}

const HEAD = 8
const TAIL = 5

/** Scans a stream that arrives in pieces, and looks at each of its messages. */
function scan(framing: Framing, stream: Buffer, cuts: readonly number[] = []) {
  const found: Found[] = []
  const broken: string[] = []
  let pushed = 0
  const scanner = createMessageScanner({
    headSize: HEAD,
    tailSize: TAIL,
    framing,
    onMessage: ({ bytes, head, tail, end }) => {
      found.push({ bytes, head: head.toString('latin1'), tail: tail.toString('latin1'), end: pushed + end })
    },
    onBroken: ({ cause }) => broken.push(cause),
  })
  const edges = [0, ...cuts, stream.length]
  for (const [index, edge] of edges.slice(1).entries()) {
    // A copy that is wiped afterwards: nothing may lean on a buffer that was pushed earlier.
    const piece = Buffer.from(stream.subarray(edges[index], edge))
    expect(scanner.push(piece)).toBe(piece.length)
    pushed = edge
  }
  return { found, broken, scanner }
}

function expected(framing: Framing, messages: readonly string[], chunkSize: number): readonly Found[] {
  let end = 0
  return messages.map((message) => {
    end += encodeFrame(framing, message, { chunkSize }).length
    const bytes = Buffer.from(message)
    return {
      bytes: bytes.length,
      head: bytes.subarray(0, HEAD).toString('latin1'),
      tail: bytes.subarray(HEAD).subarray(-TAIL).toString('latin1'),
      end,
    }
  })
}

describe.each(['end-of-message', 'chunked'] as const)('%s framing', (framing) => {
  const messages = ['<rpc a="]]>]]"/>', ']]>]]', '<rpc>é\n##\n#4\n</rpc>', `<x>${'y'.repeat(60)}</x>`, '<ok/>', 'z']
  const stream = Buffer.concat(messages.map((message) => encodeFrame(framing, message, { chunkSize: 7 })))
  const wanted = expected(framing, messages, 7)

  it('finds each message, its edges and its end', () => {
    expect(scan(framing, stream).found).toEqual(wanted)
  })

  it('whatever octet the stream is split at', () => {
    for (let cut = 0; cut <= stream.length; cut += 1)
      expect(scan(framing, stream, [cut]).found, `${cut}`).toEqual(wanted)
  })

  it('whatever two octets it is split at', () => {
    for (let first = 0; first <= stream.length; first += 7)
      for (let second = first; second <= stream.length; second += 2)
        expect(scan(framing, stream, [first, second]).found).toEqual(wanted)
  })

  it('octet by octet', () => {
    expect(scan(framing, stream, [...stream.keys()]).found).toEqual(wanted)
  })

  it('knows at each octet whether it stands between two messages', () => {
    const ends = new Set([0, ...wanted.map(({ end }) => end)])
    for (let at = 0; at <= stream.length; at += 1)
      expect(scan(framing, stream.subarray(0, at)).scanner.atBoundary(), `after ${at}`).toBe(ends.has(at))
  })
})

describe('end-of-message framing', () => {
  it('a delimiter in an attribute ends the message all the same (RFC 6242 §4.3)', () => {
    expect(scan('end-of-message', Buffer.from('<a b="]]>]]>"/>]]>]]>')).found).toMatchObject([
      { head: '<a b="', end: 12 },
      { head: '"/>', end: 21 },
    ])
  })

  it('a delimiter after others that almost were one', () => {
    const stream = Buffer.from(']]>]]]]>]]>]]>')
    for (let cut = 0; cut <= stream.length; cut += 1) {
      expect(scan('end-of-message', stream, [cut]).found.map(({ bytes, end }) => [bytes, end])).toEqual([[5, 11]])
    }
  })

  it('line ends after a delimiter still stand between messages', () => {
    expect(scan('end-of-message', Buffer.from('<a/>]]>]]>\r\n')).scanner.atBoundary()).toBe(true)
    expect(scan('end-of-message', Buffer.from('<a/>]]>]]>\r\n<')).scanner.atBoundary()).toBe(false)
  })
})

describe('chunked framing', () => {
  it('a message of many GiB costs nothing but its passing by', () => {
    const found: number[] = []
    const scanner = createMessageScanner({
      headSize: HEAD,
      tailSize: TAIL,
      framing: 'chunked',
      onMessage: ({ bytes, head, tail }) => found.push(bytes, head.length, tail.length),
    })
    const piece = Buffer.alloc(16 * 1024 * 1024, 'x')
    const chunk = 256 * piece.length - 1
    for (let chunks = 0; chunks < 2; chunks += 1) {
      scanner.push(Buffer.from(`\n#${chunk}\n`))
      for (let pieces = 0; pieces < 255; pieces += 1) scanner.push(piece)
      scanner.push(piece.subarray(1))
    }
    scanner.push(Buffer.from('\n##\n'))
    expect(found).toEqual([2 * chunk, HEAD, TAIL])
  })

  it.each([
    ['no chunk', '\n##\n'],
    ['text', '<rpc/>'],
    ['a length of zero', '\n#0\n'],
    ['a length beyond 32 bits', '\n#4294967296\n'],
    ['an endless length', '\n#11111111111'],
    ['no length', '\n#\n'],
    ['a stray line feed', '\n\n#1\na\n##\n'],
    ['a chunk that was longer than it said', '\n#1\nab\n##\n'],
  ])('%s is told once, and then nothing more', (_, text) => {
    const stream = Buffer.from(text)
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const { broken, found, scanner } = scan('chunked', Buffer.concat([stream, Buffer.from('\n#1\na\n##\n')]), [cut])
      expect([broken.length, found.length, scanner.broken(), scanner.atBoundary()]).toEqual([1, 0, true, false])
    }
  })
})

describe('whoever listens', () => {
  it('may change the framing for what follows in the same octets', () => {
    const found: string[] = []
    const scanner: MessageScanner = createMessageScanner({
      headSize: 64,
      onMessage: ({ head }) => {
        found.push(head.toString())
        scanner.switchTo('chunked')
      },
    })
    const stream = Buffer.from('<hello/>]]>]]>\n#2\n<a\n#2\n/>\n##\n')
    for (let cut = 0; cut <= stream.length; cut += 1) {
      found.length = 0
      scanner.switchTo('end-of-message')
      scanner.push(stream.subarray(0, cut))
      scanner.push(stream.subarray(cut))
      expect(found, `split at ${cut}`).toEqual(['<hello/>', '<a/>'])
    }
  })

  it('may leave the rest of the octets to later', () => {
    const found: string[] = []
    const scanner: MessageScanner = createMessageScanner({
      headSize: 64,
      onMessage: ({ head }) => {
        found.push(head.toString())
        scanner.pause()
      },
    })
    const stream = Buffer.from('<a/>]]>]]><b/>]]>]]><c')
    const first = scanner.push(stream)
    expect([first, found]).toEqual([10, ['<a/>']])
    expect(scanner.push(stream.subarray(first))).toBe(10)
    expect([scanner.push(stream.subarray(20)), found]).toEqual([2, ['<a/>', '<b/>']])
  })

  it('may ask for larger edges from then on', () => {
    const found: string[] = []
    const scanner = createMessageScanner({
      headSize: 2,
      onMessage: ({ head, tail }) => found.push(`${head.toString()}|${tail.toString()}`),
    })
    scanner.push(Buffer.from('<abc/>]]>]]>'))
    scanner.keep(3, 2)
    scanner.push(Buffer.from('<abc/>]]>]]>'))
    expect(found).toEqual(['<a|', '<ab|/>'])
  })
})
