import { describe, expect, it } from 'vitest'
import type { AuditEvent, RpcEntry } from '../../src/audit/audit-event.js'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { auditInMemory, info, openSession } from './support/audit-in-memory.js'

const rpc = (id: string, operation: string) => `<rpc message-id="${id}" xmlns="${NETCONF_NS}">${operation}</rpc>`
const reply = (id: string, body = '<ok/>') => `<rpc-reply message-id="${id}">${body}</rpc-reply>`
const subject = { user: 'netops', source: '192.0.2.1:50000', via: 'ssh', deviceId: 'router1', sessionId: 'abcd1234' }
const rpcsOf = (lines: readonly AuditEvent[]) => lines.filter((line) => line.event === 'rpc')

describe.each(['end-of-message', 'chunked'] as const)('with %s framing', (framing) => {
  const framed = (...messages: string[]) => Buffer.concat(messages.map((one) => encodeFrame(framing, one)))

  it('a session is recorded from its beginning to its end, with each RPC', () => {
    const { auditLog, lines, clock } = auditInMemory()
    const session = openSession(auditLog, framing)
    const request = rpc(
      '1',
      '<edit-config><target><candidate/></target><config><password>x</password></config></edit-config>',
    )
    session.fromClient(framed(request))
    clock.milliseconds = 250
    session.fromDevice(framed(reply('1')))
    clock.milliseconds = 2000
    session.end('client')
    session.end('device')
    const closed = lines.at(-1)
    expect(lines).toEqual([
      { time: '2026-01-01T00:00:00.000Z', event: 'session-opened', ...info },
      {
        time: '2026-01-01T00:00:00.250Z',
        event: 'rpc',
        ...subject,
        messageId: '1',
        operation: 'edit-config',
        namespace: NETCONF_NS,
        datastore: 'candidate',
        bytesFromClient: request.length,
        bytesFromDevice: reply('1').length,
        durationSeconds: 0.25,
        outcome: 'ok',
      },
      {
        time: '2026-01-01T00:00:02.000Z',
        event: 'session-closed',
        channel: 'netconf',
        ...subject,
        endedBy: 'client',
        bytesFromClient: closed?.event === 'session-closed' ? closed.bytesFromClient : 0,
        bytesFromDevice: closed?.event === 'session-closed' ? closed.bytesFromDevice : 0,
        durationSeconds: 2,
        rpcs: 1,
        netconfSessionId: 4711,
      },
    ])
    expect(JSON.stringify(lines)).not.toContain('password')
  })

  it('RPCs that are pipelined are each told with their own reply, answered in whatever order', () => {
    const { auditLog, lines } = auditInMemory()
    const session = openSession(auditLog, framing)
    session.fromClient(
      framed(rpc('a', '<get/>'), rpc('b', '<lock><target><running/></target></lock>'), rpc('c', '<commit/>')),
    )
    // What a rule forbids is answered by the bridge, before what the device is still at.
    session.fromDevice(
      framed(
        reply('b', '<rpc-error><error-tag>lock-denied</error-tag><error-severity>error</error-severity></rpc-error>'),
        '<notification><eventTime/></notification>',
        reply('a', '<data/>'),
        reply('c'),
      ),
    )
    expect(rpcsOf(lines).map(({ messageId, operation, outcome }) => [messageId, operation, outcome])).toEqual([
      ['b', 'lock', 'lock-denied'],
      ['a', 'get', 'ok'],
      ['c', 'commit', 'ok'],
    ])
  })

  it('RPCs that share a message-id, or have none, are answered in order', () => {
    const { auditLog, lines } = auditInMemory()
    const session = openSession(auditLog, framing)
    session.fromClient(framed(rpc('1', '<one/>'), rpc('1', '<two/>'), '<rpc><three/></rpc>', rpc('4', '<four/>')))
    session.fromDevice(framed(reply('1'), reply('1'), '<rpc-reply><ok/></rpc-reply>', reply('other')))
    expect(rpcsOf(lines).map(({ operation }) => operation)).toEqual(['one', 'two', 'three', 'four'])
  })

  it('RPCs whose reply never came, or came in part, are aborted', () => {
    const { auditLog, lines } = auditInMemory()
    const session = openSession(auditLog, framing)
    session.fromClient(framed(rpc('1', '<get/>'), rpc('2', '<commit/>')))
    session.fromDevice(framed(reply('1', '<data>x</data>')).subarray(0, -3))
    session.end('link')
    expect(rpcsOf(lines)).toMatchObject([
      { messageId: '1', operation: 'get', outcome: 'aborted', bytesFromDevice: 0 },
      { messageId: '2', operation: 'commit', outcome: 'aborted', bytesFromDevice: 0 },
    ])
    expect(lines.at(-1)).toMatchObject({ event: 'session-closed', endedBy: 'link', rpcs: 2 })
  })

  it('a request of which only a part came is none', () => {
    const { auditLog, lines } = auditInMemory()
    const session = openSession(auditLog, framing)
    session.fromClient(framed(rpc('1', '<get/>')).subarray(0, -1))
    session.end('client')
    expect(rpcsOf(lines)).toEqual([])
  })
})

describe('what cannot be followed', () => {
  it('broken framing of a client leaves the octets counted and is told at the end', () => {
    const { auditLog, lines } = auditInMemory()
    const session = openSession(auditLog, 'chunked')
    session.fromClient(Buffer.from('<rpc/>'))
    session.end('client')
    expect(lines.at(-1)).toMatchObject({ unreadable: ['client'], rpcs: 0 })
  })

  it('after broken framing of a device nobody knows what came of the RPCs', () => {
    const { auditLog, lines } = auditInMemory()
    const session = openSession(auditLog, 'chunked')
    session.fromClient(encodeFrame('chunked', rpc('1', '<get/>')))
    session.fromDevice(Buffer.from('<rpc-reply/>'))
    session.end('client')
    expect(rpcsOf(lines)).toMatchObject([{ operation: 'get', outcome: 'unknown' }])
    expect(lines.at(-1)).toMatchObject({ unreadable: ['device'] })
  })

  it('a client that asks and asks while nothing is answered does not fill the memory', () => {
    const { auditLog, lines } = auditInMemory()
    const session = openSession(auditLog)
    for (let id = 0; id < 5000; id += 1) session.fromClient(encodeFrame('end-of-message', rpc(`${id}`, '<get/>')))
    expect(rpcsOf(lines)).toHaveLength(5000 - 4096)
    expect(rpcsOf(lines)[0]).toMatchObject({ messageId: '0', outcome: 'unknown' })
  })

  it('a fault of the audit log itself is told, and the session goes on', () => {
    const faults: unknown[] = []
    const { auditLog, lines } = auditInMemory({
      onFault: (error) => faults.push(error),
      observe: () => ({
        fromClient: () => {
          throw new Error('a mistake')
        },
        fromDevice: () => undefined,
        end: () => undefined,
      }),
    })
    const session = openSession(auditLog)
    session.fromClient(Buffer.from('more'))
    session.end('client')
    expect(faults).toEqual([new Error('a mistake')])
    expect(lines.map(({ event }) => event)).toEqual(['session-opened', 'session-closed'])
  })
})

it.each(['exec', 'shell', 'sftp'] as const)('a session for %s is recorded without RPCs', (channel) => {
  const { auditLog, lines } = auditInMemory()
  const opened = auditLog.session({ ...info, channel, request: 'show version' })
  if (!opened.ok) throw new Error(opened.refusal.message)
  opened.audit.fromClient(Buffer.from('<hello/>]]>]]><rpc><get/></rpc>]]>]]>'))
  opened.audit.fromDevice(Buffer.from('Junos'))
  opened.audit.end('device')
  expect(lines).toMatchObject([
    { event: 'session-opened', channel, request: 'show version' },
    { event: 'session-closed', channel, bytesFromClient: 37, bytesFromDevice: 5, rpcs: 0 },
  ])
})

describe('while the audit log cannot be written', () => {
  const sink = { write: () => undefined, problem: () => ({ message: 'no space', hint: 'make room' }) }

  it('no session begins, and the client is told why', () => {
    const { auditLog } = auditInMemory({ sink })
    expect(auditLog.session(info)).toMatchObject({ ok: false, refusal: { reason: 'record-not-written' } })
  })

  it('sessions begin all the same where that is wanted', () => {
    const { auditLog } = auditInMemory({ sink, whenFull: () => 'continue' })
    expect(auditLog.refusal()).toBeUndefined()
    expect(auditLog.session(info)).toMatchObject({ ok: true })
  })
})

it('what was refused is recorded with its reason, and what HTTP calls did with what they say of it', () => {
  const rpcs: unknown[] = []
  const { auditLog, lines } = auditInMemory({ onRpc: (entry) => rpcs.push(entry) })
  auditLog.refused(info, 'no-rights')
  const call = {
    user: 'portal',
    source: 'local',
    via: 'http',
    deviceId: 'router2',
    operation: 'get',
    namespace: NETCONF_NS,
    bytesFromClient: 10,
    bytesFromDevice: 20,
    durationSeconds: 0.1,
    outcome: 'ok',
  } as const
  auditLog.rpc(call)
  expect(lines).toEqual([
    { time: '2026-01-01T00:00:00.000Z', event: 'session-refused', reason: 'no-rights', ...info },
    { time: '2026-01-01T00:00:00.000Z', event: 'rpc', ...call },
  ])
  expect(rpcs).toEqual([call])
})

describe('an RPC that came over HTTP', () => {
  it('has a short line, whatever the caller and the device have written into it', () => {
    const { auditLog, lines } = auditInMemory()
    const long = 'x'.repeat(1_000_000)
    auditLog.rpc({
      ...subject,
      via: 'http',
      messageId: long,
      operation: long,
      namespace: long,
      datastore: long,
      bytesFromClient: 1,
      bytesFromDevice: 1,
      durationSeconds: 1,
      outcome: long,
    })
    expect(lines).toMatchObject([{ operation: 'x'.repeat(256) }])
    expect(JSON.stringify(lines).length).toBeLessThan(2000)
  })
})

it('whoever begins a session may be told of its RPCs, with when they ended; the audit log is the same', () => {
  const everybody: RpcEntry[] = []
  const { auditLog, lines, clock } = auditInMemory({ onRpc: (entry) => everybody.push(entry) })
  const told: [RpcEntry, number][] = []
  const opened = auditLog.session(info, (...args) => told.push(args))
  if (!opened.ok) throw new Error(opened.refusal.message)
  const framed = (xml: string) => encodeFrame('end-of-message', xml)
  opened.audit.fromClient(framed('<hello/>'))
  opened.audit.fromDevice(framed('<hello/>'))
  opened.audit.fromClient(framed(`<rpc message-id="1" xmlns="${NETCONF_NS}"><get/></rpc>`))
  clock.milliseconds = 40
  opened.audit.fromDevice(framed('<rpc-reply message-id="1"><data/></rpc-reply>'))
  opened.audit.fromClient(framed(`<rpc message-id="2" xmlns="${NETCONF_NS}"><commit/></rpc>`))
  clock.milliseconds = 100
  opened.audit.end('client')
  const start = Date.UTC(2026, 0, 1)
  expect(told).toMatchObject([
    [{ operation: 'get', outcome: 'ok', durationSeconds: 0.04 }, start + 40],
    [{ operation: 'commit', outcome: 'aborted', durationSeconds: 0.06 }, start + 100],
  ])
  expect(everybody).toEqual(told.map(([entry]) => entry))
  expect(lines.map(({ event }) => event)).toEqual(['session-opened', 'rpc', 'rpc', 'session-closed'])
})
