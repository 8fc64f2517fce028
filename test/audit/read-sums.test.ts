import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RpcEntry } from '../../src/audit/audit-event.js'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { auditInMemory, openSession } from './support/audit-in-memory.js'

const HOUR = 3_600_000
const MINUTE = 60_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const read: RpcEntry = {
  user: 'poller',
  source: '192.0.2.1:50000',
  via: 'http',
  deviceId: 'router1',
  operation: 'get',
  namespace: NETCONF_NS,
  bytesFromClient: 100,
  bytesFromDevice: 1000,
  durationSeconds: 0.001,
  outcome: 'ok',
}

function limited(maxReadLines: number) {
  const users: string[] = []
  let summed = 0
  const audit = auditInMemory({
    maxReadLines: () => maxReadLines,
    onSummedUser: (user) => users.push(user),
    onSummed: (rpcs) => {
      summed += rpcs
    },
  })
  const rpcs = (count: number, changed: Partial<RpcEntry> | ((n: number) => Partial<RpcEntry>) = {}): void => {
    for (let n = 0; n < count; n += 1)
      audit.auditLog.rpc({ ...read, ...(typeof changed === 'function' ? changed(n) : changed) })
  }
  const pass = (milliseconds: number): void => {
    audit.clock.milliseconds += milliseconds
    vi.advanceTimersByTime(milliseconds)
  }
  const sums = () => audit.lines.flatMap((line) => (line.event === 'rpcs-summed' ? [line] : []))
  const own = (user: string) => audit.lines.filter((line) => line.event === 'rpc' && line.user === user)
  return { ...audit, rpcs, pass, sums, own, users, summed: () => summed }
}

describe('reads of a user beyond its lines', () => {
  it('are one line for each operation and outcome on a device, and those of others have theirs', () => {
    const { rpcs, pass, lines, sums, own, users, summed } = limited(10)
    rpcs(10)
    pass(1000)
    rpcs(1_000_000)
    rpcs(5, { outcome: 'aborted' })
    rpcs(7, { operation: 'get-config', datastore: 'running', source: '192.0.2.1:50001' })
    rpcs(3, { user: 'other' })
    expect(sums()).toEqual([])
    pass(MINUTE)
    const sum = { event: 'rpcs-summed', user: 'poller', source: '192.0.2.1', via: 'http', deviceId: 'router1' }
    const times = { time: '2026-01-01T00:01:01.000Z', since: '2026-01-01T00:00:01.000Z' }
    expect(sums()).toEqual([
      {
        ...sum,
        ...times,
        operation: 'get',
        namespace: NETCONF_NS,
        outcome: 'ok',
        rpcs: 1_000_000,
        bytesFromClient: 100_000_000,
        bytesFromDevice: 1_000_000_000,
      },
      expect.objectContaining({ ...sum, operation: 'get', outcome: 'aborted', rpcs: 5 }),
      expect.objectContaining({ ...sum, operation: 'get-config', datastore: 'running', outcome: 'ok', rpcs: 7 }),
    ])
    expect([own('poller').length, own('other').length, lines.length]).toEqual([10, 3, 16])
    expect([users, summed()]).toEqual([['poller'], 1_000_012])
  })

  it.each<Partial<RpcEntry>>([
    { operation: 'edit-config' },
    { operation: 'commit' },
    { operation: 'lock' },
    { operation: 'close-session' },
    { operation: 'request-system-reboot' },
    { operation: 'getaway' },
    { operation: 'unreadable', namespace: '' },
    { outcome: 'access-denied' },
    { moreOperations: true },
  ])('%j is never summed', (changed) => {
    const { rpcs, lines, own, sums, auditLog } = limited(0)
    rpcs(500, changed)
    auditLog.close()
    expect([own('poller').length, lines.length, sums()]).toEqual([500, 500, []])
  })

  it('refused sessions are never summed', () => {
    const { auditLog, lines } = limited(0)
    for (let n = 0; n < 500; n += 1) auditLog.refused({ ...read }, 'not-connected')
    expect(lines).toHaveLength(500)
  })

  it('have their lines again in the next hour', () => {
    const { rpcs, pass, own, sums, users } = limited(2)
    rpcs(3)
    pass(HOUR)
    rpcs(3)
    expect(own('poller')).toHaveLength(4)
    pass(MINUTE)
    expect(sums().map((sum) => sum.rpcs)).toEqual([1, 1])
    expect(users).toEqual(['poller', 'poller'])
  })

  it('take few lines whatever they are made to differ in, and none is lost', () => {
    const { rpcs, pass, lines, sums } = limited(0)
    rpcs(5000, (n) => ({ deviceId: `router${n}` }))
    rpcs(5000, (n) => ({ operation: `get-${n}`, namespace: `urn:${n}` }))
    rpcs(5000, (n) => ({ outcome: `error-${n}` }))
    rpcs(5000, (n) => ({ sessionId: `session${n}`, source: `192.0.2.1:${n}` }))
    pass(MINUTE)
    expect(lines).toHaveLength(201)
    expect(sums().reduce((all, { rpcs: count }) => all + count, 0)).toBe(20_000)
    expect(sums().at(-1)).toMatchObject({ user: 'poller', operation: 'several', outcome: 'several' })
    expect(sums().at(-1)).not.toHaveProperty('deviceId')
  })

  it('of a session are counted at its end, and told at the latest when the bridge stops', () => {
    const { auditLog, lines } = limited(1)
    const session = openSession(auditLog)
    for (const id of ['1', '2', '3']) {
      session.fromClient(encodeFrame('end-of-message', `<rpc message-id="${id}" xmlns="${NETCONF_NS}"><get/></rpc>`))
      session.fromDevice(encodeFrame('end-of-message', `<rpc-reply message-id="${id}"><data/></rpc-reply>`))
    }
    auditLog.close()
    expect(lines.map(({ event }) => event)).toEqual(['session-opened', 'rpc', 'session-closed', 'rpcs-summed'])
    expect(lines.at(-2)).toMatchObject({ rpcs: 3 })
    expect(lines.at(-1)).toMatchObject({ sessionId: 'abcd1234', deviceId: 'router1', operation: 'get', rpcs: 2 })
  })
})
