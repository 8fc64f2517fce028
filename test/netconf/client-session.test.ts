import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { CAPABILITY } from '../../src/netconf/capabilities.js'
import { openClientSession } from '../../src/netconf/client-session.js'
import { createFrameDecoder } from '../../src/netconf/framing/frame-decoder.js'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import { buildHello } from '../../src/netconf/hello.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import type { StreamedReply } from '../../src/netconf/reply-sinks.js'
import { operation } from '../../src/netconf/rpc.js'
import { serialiseXml } from '../../src/netconf/xml/xml-serialise.js'
import { LONGEST_TURN, leastOfTurns, measureLoopTurns } from '../support/loop-turn.js'

const hello = (...bases: readonly string[]) => serialiseXml(buildHello({ capabilities: bases, sessionId: 9 }))
const eom = (message: string) => encodeFrame('end-of-message', message)
const reply = (attributes: string, body = '<ok/>') =>
  `<rpc-reply xmlns="${NETCONF_NS}" ${attributes}>${body}</rpc-reply>`

/** A client session whose server is the test itself, in base:1.0. */
async function openAgainst(options: Parameters<typeof openClientSession>[1] = {}) {
  const [near, far] = duplexPair()
  const opening = openClientSession(near, options)
  far.write(eom(hello(CAPABILITY.base10)))
  return { session: await opening, far, requests: messagesOf(far) }
}

async function* messagesOf(far: Duplex): AsyncGenerator<string> {
  const decoder = createFrameDecoder()
  for await (const bytes of far) {
    decoder.push(bytes)
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      if (frame.kind === 'message') yield frame.bytes.toString()
    }
  }
}

test('bytes after the hello in the same read are chunked when both can', async () => {
  const [near, far] = duplexPair()
  const opening = openClientSession(near)
  const notifications: unknown[] = []
  far.write(
    Buffer.concat([
      eom(hello(CAPABILITY.base10, CAPABILITY.base11)),
      encodeFrame('chunked', reply('message-id="1"'), { chunkSize: 3 }).subarray(0, 9),
    ]),
  )
  const session = await opening
  expect(session).toMatchObject({ sessionId: 9, framing: 'chunked' })
  const answered = session.request(operation.commit())
  far.write(encodeFrame('chunked', reply('message-id="1"'), { chunkSize: 3 }).subarray(9))
  expect((await answered).bytes.toString()).toBe(reply('message-id="1"'))
  expect(notifications).toEqual([])
  near.destroy()
})

test('replies find their requests by id, and by turn without one', async () => {
  const { session, far } = await openAgainst()
  const [first, second, third] = [
    session.request(operation.commit()),
    session.request(operation.get()),
    session.request(operation.get()),
  ]
  far.write(eom(reply('message-id="2"', '<two/>')))
  expect((await second)?.bytes.toString()).toContain('<two/>')
  far.write(Buffer.concat([eom(reply('', '<one/>')), eom(reply('', '<three/>'))]))
  expect((await first)?.bytes.toString()).toContain('<one/>')
  expect((await third)?.bytes.toString()).toContain('<three/>')
  far.destroy()
})

test('notifications go to the listener', async () => {
  const heard = new Promise((resolve) => {
    void openAgainst({ onNotification: resolve }).then(({ far }) =>
      far.write(
        eom(
          '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>now</eventTime><e xmlns="urn:e"/></notification>',
        ),
      ),
    )
  })
  expect(await heard).toMatchObject({ eventTime: 'now', event: { name: 'e' } })
})

test('very many notifications that came at once are heard in their order, in many turns of the event loop', async () => {
  const many = 12_000
  const turn = await leastOfTurns(async () => {
    const heard: string[] = []
    const whole = new Promise<void>((resolve) => {
      void openAgainst({
        onNotification: ({ eventTime }) => {
          heard.push(eventTime)
          if (heard.length === many) resolve()
        },
      }).then(({ far }) => {
        const event = (at: number): string =>
          `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>${at}</eventTime><e xmlns="urn:e"><a>1</a></e></notification>`
        // In pieces of the size of SSH packets, all of which are there before the first is read.
        for (let at = 0; at < many; at += 100)
          far.write(Buffer.concat(Array.from({ length: 100 }, (_, next) => eom(event(at + next)))))
      })
    })
    const turns = measureLoopTurns()
    await whole
    const longest = turns.stop()
    expect(heard).toEqual(Array.from({ length: many }, (_, at) => String(at)))
    return longest
  })
  expect(turn).toBeLessThan(LONGEST_TURN)
})

test('a late reply is rejected to its caller and still found when it comes', async () => {
  const { session, far } = await openAgainst()
  await expect(session.request(operation.get(), { timeout: 1 })).rejects.toMatchObject({ code: 'reply-timeout' })
  const next = session.request(operation.commit())
  far.write(Buffer.concat([eom(reply('', '<late/>')), eom(reply('', '<mine/>'))]))
  expect((await next).bytes.toString()).toContain('<mine/>')
  far.destroy()
})

test('a streamed reply resolves with its head, and its body is read as it comes', async () => {
  const { session, far } = await openAgainst()
  const streamed = session.stream(operation.get())
  const next = session.request(operation.commit())
  far.write(`\n<?xml version="1.0"?><!-- a > b --><n:rpc-reply xmlns:n="${NETCONF_NS}" message-id="1" a="/>"><n:da`)
  const { root, startTag, body, messageId } = await streamed
  expect(root).toMatchObject({ name: 'rpc-reply', prefix: 'n', namespace: NETCONF_NS })
  expect(startTag.toString()).toBe(`<n:rpc-reply xmlns:n="${NETCONF_NS}" message-id="1" a="/>">`)
  expect(messageId).toBe('1')
  far.write(Buffer.concat([Buffer.from('ta/></n:rpc-reply>\n'), eom(''), eom(reply('message-id="2"'))]))
  expect((await body.toArray()).join('')).toBe('<n:data/></n:rpc-reply>\n')
  expect((await next).bytes.toString()).toBe(reply('message-id="2"'))
  far.destroy()
})

test('an empty reply streams nothing', async () => {
  const { session, far } = await openAgainst()
  const streamed = session.stream(operation.get())
  far.write(eom(`<rpc-reply message-id="1" xmlns="${NETCONF_NS}"/>`))
  const { selfClosing, body } = await streamed
  expect(selfClosing).toBe(true)
  expect(await body.toArray()).toEqual([])
  far.destroy()
})

test('who does not read a streamed reply slows the peer down, and what follows comes once it was read', async () => {
  const { session, far } = await openAgainst()
  let streamed: Promise<StreamedReply> | undefined
  const stalled = new Promise<void>((resolve) => {
    streamed = session.stream(operation.get(), { onStall: resolve })
  })
  const next = session.request(operation.commit())
  far.write(`<rpc-reply xmlns="${NETCONF_NS}" message-id="1">`)
  for (let part = 0; part < 20; part += 1) far.write(Buffer.alloc(64 * 1024, 'x'))
  await stalled
  expect(far.writableLength).toBeGreaterThan(512 * 1024)
  far.write(Buffer.concat([eom('</rpc-reply>'), eom(reply('message-id="2"'))]))
  expect((await streamed)?.body.resume().destroyed).toBe(false)
  expect((await next).bytes.toString()).toContain('<ok/>')
  far.destroy()
})

test('a reply that was given up is dropped, and one that is too long for that ends the session', async () => {
  const { session, far } = await openAgainst({ maxDiscarded: 1000 })
  const given = new AbortController()
  const up = session.stream(operation.get(), { signal: given.signal })
  given.abort()
  await expect(up).rejects.toMatchObject({ code: 'cancelled' })
  const late = session.stream(operation.get(), { timeout: 1 })
  await expect(late).rejects.toMatchObject({ code: 'reply-timeout' })
  const next = session.request(operation.commit())
  far.write(Buffer.concat([eom(reply('message-id="1"')), eom(reply('')), eom(reply('message-id="3"', '<mine/>'))]))
  expect((await next).bytes.toString()).toContain('<mine/>')
  await expect(session.stream(operation.get(), { timeout: 1 })).rejects.toMatchObject({ code: 'reply-timeout' })
  far.write(reply('message-id="4"', 'x'.repeat(2000)))
  expect(await session.closed).toMatchObject({ code: 'session-closed', message: /given up/ })
  far.destroy()
})

test('a session that ends in the middle of a streamed reply fails it', async () => {
  const { session, far } = await openAgainst()
  const streamed = session.stream(operation.get())
  far.write(reply('message-id="1"', 'half').slice(0, -3))
  const { body } = await streamed
  far.end()
  await expect(body.toArray()).rejects.toMatchObject({ code: 'session-closed' })
})

test('close asks the server, and ends whether it answers or not', async () => {
  const { session, requests, far } = await openAgainst()
  const closing = session.close(1)
  await requests.next()
  expect((await requests.next()).value).toContain('close-session')
  await closing
  expect((await session.closed).code).toBe('session-closed')
  await expect(session.request(operation.get())).rejects.toMatchObject({ code: 'session-closed' })
  far.destroy()
})

test.each([
  ['unexpected-message', eom('<rpc/>')],
  ['unexpected-message', eom(reply('message-id="99"'))],
  ['malformed-message', eom('<rpc-reply')],
  ['malformed-message', Buffer.from('x'.repeat(10))],
  ['malformed-message', Buffer.from(`<!--${'x'.repeat(70_000)}`)],
  ['malformed-message', eom('<!DOCTYPE a><rpc-reply/>')],
  ['malformed-message', eom('')],
])('the session ends with %s', async (code, bytes) => {
  const { session, far } = await openAgainst()
  const waiting = session.request(operation.get())
  far.write(bytes)
  await expect(waiting).rejects.toMatchObject({ code })
  expect((await session.closed).code).toBe(code)
  far.destroy()
})

test('the peer that goes takes all requests with it', async () => {
  const { session, far } = await openAgainst()
  const waiting = session.request(operation.get())
  far.end()
  await expect(waiting).rejects.toMatchObject({ code: 'session-closed' })
})

test('invalid chunks and replies beyond the bound end the session', async () => {
  const [near, far] = duplexPair()
  const opening = openClientSession(near)
  far.write(Buffer.concat([eom(hello(CAPABILITY.base11)), Buffer.from('\n#0\n')]))
  expect((await (await opening).closed).code).toBe('invalid-framing')
  const small = await openAgainst({ maxMessageSize: 1000 })
  small.session.request(operation.get()).catch(() => undefined)
  small.far.write(`<rpc-reply xmlns="${NETCONF_NS}" message-id="1">${'x'.repeat(2000)}`)
  expect((await small.session.closed).code).toBe('message-too-big')
})

test('no more requests wait than allowed', async () => {
  const { session, far } = await openAgainst({ maxPending: 1 })
  const first = session.request(operation.get())
  await expect(session.request(operation.get())).rejects.toMatchObject({ code: 'too-many-requests' })
  far.destroy()
  near(first)
})

test.each([
  ['bad-hello', eom('<rpc/>')],
  ['bad-hello', eom(serialiseXml(buildHello({ capabilities: [CAPABILITY.base10] })))],
  ['no-common-base', eom(hello('urn:other'))],
])('opening fails with %s', async (code, bytes) => {
  const [channel, far] = duplexPair()
  const opening = openClientSession(channel)
  far.write(bytes)
  await expect(opening).rejects.toMatchObject({ code })
  expect(channel.destroyed).toBe(true)
})

test('opening fails when there is no hello in time, or the channel goes', async () => {
  const [silent] = duplexPair()
  await expect(openClientSession(silent, { helloTimeout: 1 })).rejects.toMatchObject({ code: 'hello-timeout' })
  const [broken] = duplexPair()
  const opening = openClientSession(broken)
  broken.destroy(new Error('cable'))
  await expect(opening).rejects.toMatchObject({ code: 'channel-failed', message: 'cable' })
  if (!broken.closed) await once(broken, 'close')
})

/** A request whose end does not matter to the test. */
function near(request: Promise<unknown>): void {
  request.catch(() => undefined)
}
