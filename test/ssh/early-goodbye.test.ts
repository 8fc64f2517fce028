import { describe, expect, it } from 'vitest'
import { earlyGoodbye, identifiedGoodbye } from '../../src/ssh/early-goodbye.js'

describe('a goodbye before keys are exchanged', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 100])('is a whole packet of RFC 4253 §6 with %i characters', (count) => {
    const packet = earlyGoodbye('x'.repeat(count))
    const length = packet.readUInt32BE(0)
    const padding = packet[4] ?? 0
    expect(packet.length).toBe(4 + length)
    expect(packet.length % 8).toBe(0)
    expect(padding).toBeGreaterThanOrEqual(4)
    const payload = packet.subarray(5, packet.length - padding)
    expect(payload[0]).toBe(1)
    expect(payload.readUInt32BE(1)).toBe(11)
    const words = payload.subarray(9, 9 + payload.readUInt32BE(5))
    expect(words.toString()).toBe(`homeport: ${'x'.repeat(count)}`)
    // An empty language tag ends it.
    expect(payload.subarray(9 + words.length)).toEqual(Buffer.alloc(4))
  })

  it('comes behind an identification where the other side has none yet', () => {
    expect(identifiedGoodbye('no').toString('latin1')).toMatch(/^SSH-2\.0-\S+\r\n\0/)
  })
})
