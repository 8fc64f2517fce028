import { createFrameDecoder } from '../../../src/netconf/framing/frame-decoder.js'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import { createFramePartDecoder } from '../../../src/netconf/framing/frame-parts.js'
import type { Framing } from '../../../src/netconf/framing/framing.js'
import { createMessageScanner } from '../../../src/netconf/framing/message-scanner.js'
import { createRandom, type Random, randomFor } from '../random.js'
import { same, type Target } from '../target.js'

/**
 * RFC 6242, both ways of it: however bytes are segmented, and whoever of us looks at them, they are the same messages.
 */
export const framing: Target = {
  name: 'framing',
  about: 'RFC 6242: end-of-message and chunks, split anywhere',
  words: [
    ']]>]]>',
    ']]>',
    ']',
    '\n#1\n',
    '\n##\n',
    '\n#',
    '#',
    '\n',
    '4294967295',
    '\n#4294967296\n',
    '\n#01\n',
    '\n#2\nab',
    '<hello/>',
  ],
  start: () => ({
    take: (input) => {
      for (const kind of ['end-of-message', 'chunked'] as const) {
        const whole = decoded(kind, [input])
        const parts = pieces(input, randomFor(input))
        same(decoded(kind, parts), whole, `${kind}: a decoder sees something else in pieces`)
        same(read(kind, parts), whole, `${kind}: parts are something else than whole messages`)
        same(read(kind, [input]), whole, `${kind}: parts are something else than whole messages`)
        same(scanned(kind, parts), scanned(kind, [input]), `${kind}: a scanner sees something else in pieces`)
        for (const message of whole.messages.slice(0, 20)) {
          const bytes = Buffer.from(message, 'latin1')
          if (kind === 'chunked' || !message.includes(']]>]]>'))
            same(decoded(kind, [encodeFrame(kind, bytes)]).messages, [message], `${kind}: written and read again`)
        }
      }
    },
  }),
}

interface Seen {
  readonly messages: readonly string[]
  readonly broken: boolean
}

function pieces(input: Buffer, random: Random): Buffer[] {
  const parts: Buffer[] = []
  const most = 1 + random.below(100)
  for (let at = 0; at < input.length; ) {
    const size = 1 + random.below(most)
    parts.push(input.subarray(at, at + size))
    at += size
  }
  return parts
}

function decoded(kind: Framing, parts: readonly Buffer[]): Seen {
  const decoder = createFrameDecoder({ framing: kind, maxMessageSize: Number.MAX_SAFE_INTEGER })
  const messages: string[] = []
  for (const part of parts) {
    decoder.push(part)
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      if (frame.kind === 'error') return { messages, broken: true }
      messages.push(frame.bytes.toString('latin1'))
    }
  }
  return { messages, broken: false }
}

function read(kind: Framing, parts: readonly Buffer[]): Seen {
  const reader = createFramePartDecoder(kind)
  const messages: string[] = []
  let message = ''
  for (const bytes of parts) {
    reader.push(bytes)
    for (let part = reader.next(); part !== undefined; part = reader.next()) {
      if (part.kind === 'error') return { messages, broken: true }
      if (part.kind === 'bytes') message += part.bytes.toString('latin1')
      else {
        messages.push(message)
        message = ''
      }
    }
  }
  return { messages, broken: false }
}

/** Edges of messages, of sizes that depend on nothing of how they come. */
function scanned(kind: Framing, parts: readonly Buffer[]): unknown {
  const random = createRandom(parts.reduce((sum, { length }) => sum + length, 0))
  const found: unknown[] = []
  const scanner = createMessageScanner({
    headSize: random.below(40),
    tailSize: random.below(40),
    framing: kind,
    onMessage: ({ head, tail }) => found.push([head.toString('latin1'), tail.toString('latin1')]),
    onBroken: () => found.push('broken'),
  })
  for (const part of parts) scanner.push(part)
  return { found, broken: scanner.broken() }
}
