import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import { createFramePartDecoder, type FramePart } from '../../../src/netconf/framing/frame-parts.js'
import type { Framing } from '../../../src/netconf/framing/framing.js'
import { findRootStartTag } from '../../../src/netconf/xml/root-start-tag.js'

/**
 * Decodes a stream that comes in the given pieces; each message as text, and the bytes that were held back at the end.
 */
function decode(framing: Framing, pieces: readonly Buffer[]) {
  const decoder = createFramePartDecoder(framing)
  const messages: string[] = []
  let message = ''
  let error: Extract<FramePart, { kind: 'error' }> | undefined
  for (const piece of pieces) {
    decoder.push(piece)
    for (let part = decoder.next(); part !== undefined && error === undefined; part = decoder.next()) {
      if (part.kind === 'bytes') message += part.bytes.toString('latin1')
      else if (part.kind === 'end') {
        messages.push(message)
        message = ''
      } else error = part
    }
  }
  return { messages, rest: message, error }
}

const messages = ['<a>]]></a>', '<b>]]>]]</b>', '', `<c>${'x'.repeat(300)}]</c>`, ']]>]]']

describe.each(['end-of-message', 'chunked'] as const)('parts of messages, %s', (framing) => {
  const told = framing === 'chunked' ? messages.filter((one) => one !== '') : messages
  const stream = Buffer.concat(told.map((one) => encodeFrame(framing, one, { chunkSize: 7 })))

  it('are the same wherever the stream is split', () => {
    for (let at = 0; at <= stream.length; at += 1) {
      expect(decode(framing, [stream.subarray(0, at), stream.subarray(at)]).messages).toEqual(told)
    }
    expect(
      decode(
        framing,
        [...stream].map((byte) => Buffer.from([byte])),
      ).messages,
    ).toEqual(told)
  })
})

describe('a decoder of parts', () => {
  it('hands out what is there of a message that is not whole', () => {
    expect(decode('end-of-message', [Buffer.from('<a>]]')]).rest).toBe('<a>')
    expect(decode('chunked', [Buffer.from('\n#10\n<a>')]).rest).toBe('<a>')
  })

  it.each(['\n#0\n', '\n##\n', 'x', '\n#4294967296\n', '\n#1\nx#'])('refuses %j as chunks', (text) => {
    expect(decode('chunked', [Buffer.from(text)]).error?.error.kind).toBe('invalid-chunk')
  })
})

describe('the start tag of the root', () => {
  const document = Buffer.from(
    '\ufeff \n<?xml version="1.0"?>\n<!-- <no> --><?pi > ?><!----><a:b c=\'>"\' d="/>"/><tail>',
  )

  it('is found behind prolog and comments, and not before it is whole', () => {
    const found = findRootStartTag(document)
    if (found.kind !== 'found') throw new Error(found.kind)
    expect(document.subarray(found.start, found.end).toString()).toBe(`<a:b c='>"' d="/>"/>`)
    expect(found.selfClosing).toBe(true)
    for (let length = 3; length < found.end; length += 1)
      expect(findRootStartTag(document.subarray(0, length)).kind, String(length)).toBe('incomplete')
  })

  it.each(['text', '<!DOCTYPE a>', '</a>', '<![CDATA[x]]>'])('is not in %s', (text) => {
    expect(findRootStartTag(Buffer.from(text)).kind).toBe('malformed')
  })
})
