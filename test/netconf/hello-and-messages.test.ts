import { describe, expect, test } from 'vitest'
import { CAPABILITY, hasCapability, junosSpelling } from '../../src/netconf/capabilities.js'
import { agreeFraming, buildHello, parseHello } from '../../src/netconf/hello.js'
import { NETCONF_NS, NOTIFICATION_NS } from '../../src/netconf/xml/namespaces.js'
import { buildNotification, notificationOf } from '../../src/netconf/notification.js'
import { buildRpc, operation, rpcOf } from '../../src/netconf/rpc.js'
import {
  buildRpcError,
  describeRpcError,
  ERROR_TAGS,
  errorInfo,
  rpcError,
  rpcErrorOf,
} from '../../src/netconf/rpc-error.js'
import { buildRpcReply, parseRpcReply } from '../../src/netconf/rpc-reply.js'
import { parseXml } from '../../src/netconf/xml/xml-parse.js'
import { serialiseXml } from '../../src/netconf/xml/xml-serialise.js'
import { attribute, element } from '../../src/netconf/xml/xml-tree.js'

describe('hello', () => {
  test('comes back as it was built', () => {
    const hello = { capabilities: [CAPABILITY.base10, 'urn:x?a=1&b=2'], sessionId: 4_294_967_295 }
    expect(parseHello(serialiseXml(buildHello(hello)))).toEqual({ ok: true, value: hello })
  })

  test('Junos: comments before it, both spellings, white space', () => {
    const hello = parseHello(`<!-- No zombies were killed during the creation of this user interface -->
<!-- user netconf-user, class j-super-user -->
<hello xmlns="${NETCONF_NS}"><capabilities>
 <capability> urn:ietf:params:xml:ns:netconf:base:1.0 </capability>
 <capability>urn:ietf:params:xml:ns:netconf:capability:candidate:1.0</capability>
</capabilities><session-id>12345</session-id></hello>\n`)
    if (!hello.ok) throw new Error(hello.error.cause)
    expect(hello.value.sessionId).toBe(12_345)
    expect(hasCapability(hello.value.capabilities, CAPABILITY.candidate)).toBe(true)
    expect(hasCapability(hello.value.capabilities, CAPABILITY.base11)).toBe(false)
    expect(agreeFraming([CAPABILITY.base10], hello.value.capabilities)).toEqual({ ok: true, value: 'end-of-message' })
  })

  test('very old Junos: no namespace; others: a prefix', () => {
    expect(parseHello('<hello><capabilities/><session-id>7</session-id></hello>')).toMatchObject({
      value: { sessionId: 7 },
    })
    expect(parseHello(`<nc:hello xmlns:nc="${NETCONF_NS}"><nc:capabilities/></nc:hello>`)).toEqual({
      ok: true,
      value: { capabilities: [] },
    })
  })

  test.each([
    '<rpc/>',
    '<hello/>',
    '<hello',
    '<hello><capabilities/><session-id>0</session-id></hello>',
    '<hello><capabilities/><session-id>4294967296</session-id></hello>',
    '<hello><capabilities/><session-id>-1</session-id></hello>',
  ])('refused: %s', (text) => expect(parseHello(text)).toMatchObject({ ok: false, error: { kind: 'bad-hello' } }))

  test.each([
    [['1.0'], ['1.0'], 'end-of-message'],
    [['1.0', '1.1'], ['1.0'], 'end-of-message'],
    [['1.0', '1.1'], ['1.1'], 'chunked'],
    [['1.0', '1.1'], ['1.0', '1.1'], 'chunked'],
    [['1.0'], ['1.1'], undefined],
  ])('framing of %j and %j is %s', (ours, theirs, framing) => {
    const uris = (versions: readonly string[]) => versions.map((version) => `urn:ietf:params:netconf:base:${version}`)
    const agreed = agreeFraming(uris(ours), uris(theirs))
    expect(agreed.ok ? agreed.value : undefined).toBe(framing)
  })

  test('capabilities match with parameters and in the other spelling', () => {
    expect(
      hasCapability(
        ['urn:ietf:params:netconf:capability:url:1.0?scheme=ftp'],
        'urn:ietf:params:netconf:capability:url:1.0',
      ),
    ).toBe(true)
    expect(junosSpelling(CAPABILITY.candidate)).toBe('urn:ietf:params:xml:ns:netconf:capability:candidate:1.0')
    expect(junosSpelling('urn:other')).toBeUndefined()
  })
})

describe('rpc-error', () => {
  test.each(ERROR_TAGS)('%s comes back as it was built', (tag) => {
    const error = rpcError(tag, 'why & what', {
      type: 'protocol',
      appTag: 'app',
      path: '/dev:a[dev:b="1"]',
      pathNamespaces: { dev: 'urn:dev' },
      info: [errorInfo.badElement('x'), errorInfo.sessionId(4)],
    })
    const back = parseXml(serialiseXml(buildRpcError(error)))
    expect(back.ok && rpcErrorOf(back.value)).toMatchObject({
      ...error,
      info: [{ name: 'bad-element' }, { name: 'session-id' }],
    })
  })

  test('is told in one line', () => {
    expect(describeRpcError(rpcError('lock-denied', 'taken', { info: [errorInfo.sessionId(4)] }))).toBe(
      'lock-denied: taken (session-id 4)',
    )
  })

  test('is read however little a peer says', () => {
    expect(rpcErrorOf(element('', 'rpc-error'))).toEqual({
      type: 'application',
      tag: 'operation-failed',
      severity: 'error',
    })
  })
})

describe('rpc-reply', () => {
  test('repeats all attributes of the request', () => {
    const request = parseXml(
      `<rpc xmlns="${NETCONF_NS}" xmlns:ex="urn:ex" message-id="1&quot;" ex:user="fred"><get/></rpc>`,
    )
    const rpc = request.ok ? rpcOf(request.value) : undefined
    const reply = serialiseXml(buildRpcReply(rpc?.attributes ?? [], { kind: 'ok' }))
    expect(parseRpcReply(reply)).toMatchObject({ ok: true, value: { messageId: '1"', ok: true } })
    expect(reply).toContain('ex:user="fred"')
    expect(reply).toContain('xmlns:ex="urn:ex"')
  })

  test('Junos: ok and a warning together', () => {
    const reply = parseRpcReply(
      '<rpc-reply><rpc-error><error-severity>warning</error-severity><error-message>\nuncommitted\n</error-message></rpc-error><ok/></rpc-reply>',
    )
    expect(reply).toMatchObject({ value: { ok: true, errors: [], warnings: [{ message: 'uncommitted' }] } })
  })

  test('anything else is not a reply', () => {
    expect(parseRpcReply('<hello/>')).toMatchObject({ error: { kind: 'not-a-reply' } })
    expect(parseRpcReply('<')).toMatchObject({ error: { kind: 'not-well-formed' } })
  })
})

test('an rpc comes back as it was built; other elements are none', () => {
  expect(rpcOf(buildRpc('7', operation.commit()))).toMatchObject({ messageId: '7', operations: [{ name: 'commit' }] })
  expect(rpcOf(element('urn:x', 'rpc'))).toBeUndefined()
  expect(rpcOf(element('', 'rpc'))).toMatchObject({ operations: [] })
})

test('a notification comes back as it was built; without event or time it is none', () => {
  const notification = {
    eventTime: '2025-01-01T00:00:00Z',
    event: element('urn:e', 'event', 'x', { attributes: [attribute('a', '1')] }),
  }
  expect(notificationOf(buildNotification(notification))).toEqual(notification)
  expect(notificationOf(element(NOTIFICATION_NS, 'notification'))).toBeUndefined()
  expect(notificationOf(element('', 'notification'))).toBeUndefined()
})
