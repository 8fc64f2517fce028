import { afterEach, describe, expect, test } from 'vitest'
import { CAPABILITY } from '../../src/netconf/capabilities.js'
import { createFrameDecoder } from '../../src/netconf/framing/frame-decoder.js'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import { buildHello } from '../../src/netconf/hello.js'
import { parseRpcReply } from '../../src/netconf/rpc-reply.js'
import { serialiseXml } from '../../src/netconf/xml/xml-serialise.js'
import { converse } from './support/raw-conversation.js'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

const talkTo = (...like: Parameters<typeof converse>) => {
  const talk = converse(...like)
  cleanups.push(() => talk.near.destroy())
  return talk
}

describe('what is not NETCONF', () => {
  test.each(['<rpc', 'text', '<hello/>', '<!DOCTYPE a><rpc/>'])(
    'base:1.1 answers malformed-message and goes on: %s',
    async (text) => {
      const talk = talkTo({}, [CAPABILITY.base11])
      await talk.hello()
      talk.say(text)
      expect(parseRpcReply(await talk.next())).toMatchObject({
        value: { errors: [{ type: 'rpc', tag: 'malformed-message' }] },
      })
      talk.say('<rpc message-id="1" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><commit/></rpc>')
      expect(await talk.next()).toContain('<ok/>')
    },
  )

  test('base:1.0 has no word for it, so the session ends', async () => {
    const talk = talkTo()
    await talk.hello()
    talk.say('<rpc')
    expect(await talk.next()).toBe('the end')
    expect(talk.exits).toEqual([1])
  })

  test('an invalid chunk ends the session', async () => {
    const talk = talkTo({}, [CAPABILITY.base11])
    await talk.hello()
    talk.near.write('\n#0\n')
    expect(await talk.next()).toBe('the end')
  })

  test.each([
    ['no hello', '<rpc/>'],
    ['a hello with a session-id', serialiseXml(buildHello({ capabilities: [CAPABILITY.base10], sessionId: 1 }))],
    ['a hello without a common base', serialiseXml(buildHello({ capabilities: [] }))],
  ])('%s ends the session', async (_what, message) => {
    const talk = talkTo()
    await talk.next()
    talk.near.write(encodeFrame('end-of-message', message))
    expect(await talk.next()).toBe('the end')
    expect(talk.server.sessions()).toEqual([])
  })

  test('more than the bound ends the session', async () => {
    const talk = talkTo({ maxMessageSize: 1000 })
    await talk.hello()
    talk.near.write(Buffer.alloc(2000, 'x'))
    expect(await talk.next()).toBe('the end')
  })
})

describe('the order of things', () => {
  const rpc = (id: number, content: string) =>
    `<rpc message-id="${id}" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${content}</rpc>`

  test.each(['1.0', '1.1'] as const)(
    'a whole session in one write, input closed at once, gets every reply (%s)',
    async (base) => {
      const talk = talkTo({ bases: [base] }, [`urn:ietf:params:netconf:base:${base}`])
      await talk.next()
      const framing = base === '1.1' ? 'chunked' : 'end-of-message'
      const slow = `<generate-reply xmlns="urn:homeport:simulated-device:test"><size>200000</size><delay>1</delay></generate-reply>`
      const requests = [slow, '<commit/>', slow, '<close-session/>'].map((content, index) =>
        encodeFrame(framing, rpc(index + 1, content)),
      )
      talk.near.end(Buffer.concat([encodeFrame('end-of-message', talk.greeting), ...requests]))
      const bytes: Buffer[] = []
      for await (const read of talk.near) bytes.push(read)
      const decoder = createFrameDecoder({ framing })
      decoder.push(Buffer.concat(bytes))
      const sizes: number[] = []
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        if (frame.kind === 'message') sizes.push(frame.bytes.length > 200_000 ? 1 : 0)
      }
      expect(sizes).toEqual([1, 0, 1, 0])
      expect(talk.exits).toEqual([0])
    },
  )

  test('nothing is read after close-session', async () => {
    const talk = talkTo()
    await talk.hello()
    talk.say(rpc(1, '<close-session/>'))
    talk.say(rpc(2, '<commit/>'))
    expect(await talk.next()).toContain('message-id="1"')
    expect(await talk.next()).toBe('the end')
  })

  test('a client that reads nothing makes the server wait, not grow', async () => {
    const talk = talkTo({}, [CAPABILITY.base11])
    await talk.hello()
    talk.say(
      rpc(1, '<generate-reply xmlns="urn:homeport:simulated-device:test"><size>104857600</size></generate-reply>'),
    )
    await new Promise((resolve) => {
      talk.near.once('readable', resolve)
    })
    expect(talk.near.readableLength).toBeLessThan(1024 * 1024)
    expect(talk.server.sessions()).toHaveLength(1)
  })
})
