import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { CAPABILITY } from '../../src/netconf/capabilities.js'
import { openClientSession } from '../../src/netconf/client-session.js'
import { createFrameDecoder } from '../../src/netconf/frame-decoder.js'
import { encodeFrame } from '../../src/netconf/frame-encoder.js'
import { buildHello } from '../../src/netconf/hello.js'
import { NETCONF_NS } from '../../src/netconf/namespaces.js'
import { operation } from '../../src/netconf/rpc.js'
import { serialiseXml } from '../../src/netconf/xml-serialise.js'

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

test('a late reply is rejected to its caller and still found when it comes', async () => {
  const { session, far } = await openAgainst()
  await expect(session.request(operation.get(), { timeout: 1 })).rejects.toMatchObject({ code: 'reply-timeout' })
  const next = session.request(operation.commit())
  far.write(Buffer.concat([eom(reply('', '<late/>')), eom(reply('', '<mine/>'))]))
  expect((await next).bytes.toString()).toContain('<mine/>')
  far.destroy()
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
  small.far.write(Buffer.alloc(2000, 'x'))
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
