import { afterEach, describe, expect, test } from 'vitest'
import { CAPABILITY } from '../../src/netconf/capabilities.js'
import { parseHello } from '../../src/netconf/hello.js'
import { parseRpcReply } from '../../src/netconf/rpc-reply.js'
import { createNetconfServer, type NetconfServerOptions } from '../../src/simulator/netconf-server.js'
import { YANG_MODULES } from '../../src/simulator/yang-modules.js'
import { connectTo, type TestClient, tags } from './support/netconf-client.js'
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

const connect = async (options: Partial<NetconfServerOptions> = {}, bases?: readonly string[]): Promise<TestClient> => {
  const client = await connectTo(createNetconfServer({ deviceId: 'r1', ...options }), bases)
  cleanups.push(client.drop)
  return client
}

describe('the Junos dialect', () => {
  const junos = (more: Partial<NetconfServerOptions> = {}) => talkTo({ dialect: 'junos', ...more })

  test('greets with comments, without a prolog, in both spellings, base:1.0, with a process id', async () => {
    const hello = await junos().hello()
    expect(hello).toMatch(
      /^<!-- No zombies were killed during the creation of this user interface -->\n<!-- user admin, class j-super-user -->\n<hello /,
    )
    expect(hello).toContain('<capability>urn:ietf:params:netconf:capability:candidate:1.0<')
    expect(hello).toContain('<capability>urn:ietf:params:xml:ns:netconf:capability:candidate:1.0<')
    expect(hello).not.toContain(CAPABILITY.base11)
    const parsed = parseHello(hello)
    expect(parsed.ok && parsed.value.sessionId).toBeGreaterThan(999)
  })

  test('session ids climb like process ids and are never given twice at once', async () => {
    const server = createNetconfServer({ deviceId: 'r1', dialect: 'junos', random: () => 0.5 })
    const clients = await Promise.all([1, 2, 3].map(() => connectTo(server, [CAPABILITY.base10])))
    expect(clients.map((client) => client.session.sessionId)).toEqual([46_000, 46_007, 46_014])
    for (const client of clients) client.drop()
  })

  test('a request without message-id is answered without one; namespaces may be left out', async () => {
    const talk = junos()
    await talk.hello()
    talk.say(
      '<rpc><get-config><source><running/></source><filter><system><hostname/></system></filter></get-config></rpc>',
    )
    const reply = await talk.next()
    expect(reply).toMatch(/^<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:junos="[^"]+"><data>/)
    expect(reply).toContain('<hostname>r1</hostname>')
    expect(reply).not.toContain('<location>')
    talk.say(
      '<rpc message-id="a"><edit-config><target><candidate/></target><config><system><hostname operation="delete"/></system></config></edit-config></rpc>',
    )
    expect(await talk.next()).toContain('message-id="a"><ok/>')
  })

  test('the operations that its clients send when they connect', async () => {
    const talk = junos()
    await talk.hello()
    talk.say('<rpc><get-system-information/></rpc>')
    expect(await talk.next()).toContain('<os-name>junos</os-name>')
    talk.say('<rpc><command format="text">show version</command></rpc>')
    expect(await talk.next()).toContain('Hostname: r1')
    talk.say('<rpc><get-configuration/></rpc>')
    expect(await talk.next()).toContain('<configuration><system')
    talk.say('<rpc><request-reboot/></rpc>')
    expect(await talk.next()).toContain('operation-not-supported')
  })

  test('base:1.1 when asked for', async () => {
    const client = await connect({ dialect: 'junos', bases: ['1.0', '1.1'] }, [CAPABILITY.base11])
    expect(client.session.framing).toBe('chunked')
    expect((await client.ask('<commit/>')).ok).toBe(true)
  })
})

describe('the plain dialect', () => {
  test('a request without message-id is an error; other attributes come back', async () => {
    const talk = talkTo()
    await talk.hello()
    talk.say('<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:ex="urn:ex" ex:user="fred"><get/></rpc>')
    const reply = await talk.next()
    expect(reply).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>/)
    expect(parseRpcReply(reply)).toMatchObject({ value: { errors: [{ type: 'rpc', tag: 'missing-attribute' }] } })
    expect(reply).toContain('ex:user="fred"')
  })

  test('session ids count from one', async () => {
    expect((await connect()).session.sessionId).toBe(1)
  })

  test('what it does not know it says', async () => {
    const client = await connect()
    expect(tags(await client.ask('<reboot/>'))).toEqual(['operation-not-supported'])
    expect(tags(await client.ask('<get><filter type="xpath" select="/"/></get>'))).toEqual(['bad-attribute'])
    expect(tags(await client.ask('<toString/>'))).toEqual(['operation-not-supported'])
  })

  test('an rpc of none or two operations', async () => {
    const talk = talkTo()
    await talk.hello()
    const rpc = (content: string) =>
      `<rpc message-id="1" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${content}</rpc>`
    talk.say(rpc(''))
    expect(await talk.next()).toContain('missing-element')
    talk.say(rpc('<get/><commit/>'))
    expect(await talk.next()).toContain('unknown-element')
  })
})

describe('schemas', () => {
  const getSchema = (client: TestClient, content: string) =>
    client.askText(
      `<m:get-schema xmlns:m="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring">${content}</m:get-schema>`,
    )

  test('every module that is announced of our own is handed out', async () => {
    const client = await connect()
    for (const module of YANG_MODULES) {
      expect(client.session.capabilities).toContain(
        `${module.namespace}?module=${module.identifier}&revision=${module.version}`,
      )
      const text = await getSchema(client, `<m:identifier>${module.identifier}</m:identifier><m:format>yang</m:format>`)
      expect(text).toContain(`module ${module.identifier} {`)
    }
  })

  test('others are not', async () => {
    const client = await connect()
    expect(await getSchema(client, '<m:identifier>none</m:identifier>')).toContain('invalid-value')
    expect(
      await getSchema(client, '<m:identifier>simulated-device</m:identifier><m:version>1999-01-01</m:version>'),
    ).toContain('invalid-value')
    expect(await getSchema(client, '<m:identifier>simulated-device</m:identifier><m:format>yin</m:format>')).toContain(
      'invalid-value',
    )
    expect(await getSchema(client, '')).toContain('missing-element')
  })
})

test('get shows configuration and state, filtered', async () => {
  const client = await connect()
  const state = await client.askText('<get><filter><d:system><d:state/></d:system></filter></get>')
  expect(state).toContain('<device-id>r1</device-id>')
  expect(state).not.toContain('hostname')
  const sessions = await client.askText(
    '<get><filter><s:netconf-state xmlns:s="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><s:sessions/></s:netconf-state></filter></get>',
  )
  expect(sessions).toContain('<username>admin</username>')
})
