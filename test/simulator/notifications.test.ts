import { afterEach, beforeEach, expect, test } from 'vitest'
import { NETCONF_NOTIFICATIONS_NS as EVENTS, NOTIFICATION_NS } from '../../src/netconf/xml/namespaces.js'
import { childText, element, textOf } from '../../src/netconf/xml/xml-tree.js'
import {
  createNetconfServer,
  type NetconfServer,
  type NetconfServerOptions,
} from '../../src/simulator/netconf-server.js'
import { createManualClock, type ManualClock } from './support/manual-clock.js'
import { connectTo, type TestClient, tags, xml } from './support/netconf-client.js'

let clock: ManualClock
let server: NetconfServer
const clients: TestClient[] = []

const serve = (options: Partial<NetconfServerOptions> = {}) => {
  clock = createManualClock()
  server = createNetconfServer({ deviceId: 'r1', clock, ...options })
}
const connect = async () => {
  const client = await connectTo(server)
  clients.push(client)
  return client
}
const alarm = (text: string) =>
  element('urn:homeport:simulated-device', 'alarm', [element('urn:homeport:simulated-device', 'text', text)])
const names = (client: TestClient) => client.notifications.map((one) => one.event.name)

/** Subscribes; `n:` is the notification namespace. */
function ask(client: TestClient, content = '') {
  const request = xml(`<create-subscription xmlns:n="${NOTIFICATION_NS}">${content}</create-subscription>`)
  return client.ask({ ...request, namespace: NOTIFICATION_NS, prefix: 'n' })
}

beforeEach(() => serve())
afterEach(() => {
  for (const client of clients.splice(0)) client.drop()
  server.stop()
})

test('a subscriber hears of events, sessions and changes, in order', async () => {
  const listener = await connect()
  expect((await ask(listener)).ok).toBe(true)
  server.emit(alarm('one'))
  const other = await connect()
  await other.ask(
    '<edit-config><target><running/></target><config><d:system><d:hostname>new</d:hostname><d:contact>c</d:contact></d:system></config></edit-config>',
  )
  await other.session.close()
  const [first, start, change, end] = await listener.notified(4)
  expect(names(listener)).toEqual(['alarm', 'netconf-session-start', 'netconf-config-change', 'netconf-session-end'])
  expect(first?.eventTime).toBe('2025-01-01T00:00:00.000Z')
  expect(start && childText(start.event, EVENTS, 'session-id')).toBe(String(other.session.sessionId))
  const edits = change?.event.children.filter((child) => typeof child !== 'string' && child.name === 'edit')
  expect(
    edits?.map(
      (edit) => typeof edit !== 'string' && edit.children.map((child) => typeof child !== 'string' && textOf(child)),
    ),
  ).toEqual([
    ['/dev:system/dev:hostname', 'replace'],
    ['/dev:system/dev:contact', 'create'],
  ])
  expect(end && childText(end.event, EVENTS, 'termination-reason')).toBe('closed')
})

test('a filter lets only some events pass', async () => {
  const listener = await connect()
  await ask(listener, '<n:filter type="subtree"><d:alarm><d:text>two</d:text></d:alarm></n:filter>')
  server.emit(alarm('one'))
  server.emit(alarm('two'))
  await listener.notified(1)
  expect(listener.notifications.map((one) => childText(one.event, one.event.namespace, 'text'))).toEqual(['two'])
})

test('replay tells the past since startTime, then the present', async () => {
  server.emit(alarm('too early'))
  clock.advance(1000)
  server.emit(alarm('one'))
  const listener = await connect()
  await ask(listener, '<n:startTime>2025-01-01T00:00:01Z</n:startTime>')
  server.emit(alarm('two'))
  await listener.notified(4)
  expect(names(listener)).toEqual(['alarm', 'netconf-session-start', 'replayComplete', 'alarm'])
})

test('a stopTime in the past ends the subscription after the replay', async () => {
  server.emit(alarm('one'))
  clock.advance(2000)
  const listener = await connect()
  await ask(listener, '<n:startTime>2025-01-01T00:00:00Z</n:startTime><n:stopTime>2025-01-01T00:00:01Z</n:stopTime>')
  await listener.notified(3)
  expect(names(listener)).toEqual(['alarm', 'replayComplete', 'notificationComplete'])
  expect((await listener.ask('<get-config><source><running/></source></get-config>')).errors).toEqual([])
})

test('a stopTime in the future ends it then', async () => {
  const listener = await connect()
  await ask(listener, '<n:startTime>2025-01-01T00:00:00Z</n:startTime><n:stopTime>2025-01-01T00:01:00Z</n:stopTime>')
  await listener.notified(2)
  clock.advance(60_000)
  server.emit(alarm('too late'))
  await listener.notified(3)
  expect(names(listener).at(-1)).toBe('notificationComplete')
  expect(clock.timers()).toBe(0)
})

test('the log is bounded', async () => {
  serve({ eventLogSize: 2 })
  for (const text of ['1', '2', '3']) server.emit(alarm(text))
  const listener = await connect()
  await ask(listener, '<n:startTime>2025-01-01T00:00:00Z</n:startTime>')
  await listener.notified(3)
  expect(names(listener)).toEqual(['alarm', 'netconf-session-start', 'replayComplete'])
})

test.each([
  ['a stream that is not there', '<n:stream>SNMP</n:stream>', 'bad-element'],
  ['stopTime without startTime', '<n:stopTime>2026-01-01T00:00:00Z</n:stopTime>', 'missing-element'],
  ['startTime in the future', '<n:startTime>2026-01-01T00:00:00Z</n:startTime>', 'bad-element'],
  ['startTime that is no time', '<n:startTime>soon</n:startTime>', 'bad-element'],
  [
    'stopTime before startTime',
    '<n:startTime>2025-01-01T00:00:00Z</n:startTime><n:stopTime>2024-01-01T00:00:00Z</n:stopTime>',
    'bad-element',
  ],
  ['a filter that is no subtree', '<n:filter type="xpath" select="/"/>', 'bad-attribute'],
])('refused: %s', async (_what, content, tag) => {
  expect(tags(await ask(await connect(), content))).toEqual([tag])
})

test('one subscription a session; other requests only with interleave', async () => {
  const without = await connect()
  await ask(without)
  expect(tags(await ask(without))).toEqual(['operation-failed'])
  expect(tags(await without.ask('<get/>'))).toEqual(['operation-failed'])
  await without.session.close()

  serve({ interleave: true })
  const interleaved = await connect()
  await ask(interleaved)
  expect(tags(await ask(interleaved))).toEqual(['operation-failed'])
  expect((await interleaved.ask('<commit/>')).ok).toBe(true)
})

test('streams are told of in the state', async () => {
  const text = await (await connect()).askText(
    '<get><filter><netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"/></filter></get>',
  )
  expect(text).toContain('<name>NETCONF</name>')
  expect(text).toContain('<replaySupport>true</replaySupport>')
})
