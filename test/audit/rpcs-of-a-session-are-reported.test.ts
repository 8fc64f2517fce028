import { expect, it } from 'vitest'
import type { RpcEntry } from '../../src/audit/audit-event.js'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { info, recorded } from './support/recorded.js'

it('whoever begins a session may be told of its RPCs, with when they ended; the audit log is the same', () => {
  const everybody: RpcEntry[] = []
  const { auditLog, lines, clock } = recorded({ onRpc: (entry) => everybody.push(entry) })
  const told: [RpcEntry, number][] = []
  const recording = auditLog.session(info, (...args) => told.push(args))
  if (!recording.ok) throw new Error(recording.refusal.message)
  const framed = (xml: string) => encodeFrame('end-of-message', xml)
  recording.record.fromClient(framed('<hello/>'))
  recording.record.fromDevice(framed('<hello/>'))
  recording.record.fromClient(framed(`<rpc message-id="1" xmlns="${NETCONF_NS}"><get/></rpc>`))
  clock.milliseconds = 40
  recording.record.fromDevice(framed('<rpc-reply message-id="1"><data/></rpc-reply>'))
  recording.record.fromClient(framed(`<rpc message-id="2" xmlns="${NETCONF_NS}"><commit/></rpc>`))
  clock.milliseconds = 100
  recording.record.end('client')
  const start = Date.UTC(2026, 0, 1)
  expect(told).toMatchObject([
    [{ operation: 'get', outcome: 'ok', durationSeconds: 0.04 }, start + 40],
    [{ operation: 'commit', outcome: 'aborted', durationSeconds: 0.06 }, start + 100],
  ])
  expect(everybody).toEqual(told.map(([entry]) => entry))
  expect(lines.map(({ event }) => event)).toEqual(['session-opened', 'rpc', 'rpc', 'session-closed'])
})
