import { describe, expect, it } from 'vitest'
import { logFleetEvents } from '../../src/app/log-fleet-events.js'
import type { CallHomeRefusalReason } from '../../src/fleet/refusals/call-home.js'
import { makeFeed } from '../fleet/support/hand-made-feed.js'
import { createLog } from '../../src/telemetry/log.js'

const link = { deviceId: 'router1', source: '192.0.2.1:1', hostKeyFingerprint: 'SHA256:x', software: 'OpenSSH_9' }

function recorded() {
  const lines: string[] = []
  const events = makeFeed()
  logFleetEvents(events, createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) }))
  return {
    events,
    last: (): Record<string, unknown> => {
      const { time: _time, ...fields } = JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>
      return fields
    },
  }
}

describe('what happens in the fleet is logged', () => {
  it('when a link is attached', () => {
    const { events, last } = recorded()
    events.emit('attached', link)
    expect(last()).toEqual({ level: 'info', ...link, msg: 'link attached' })
  })

  it('when a link is replaced, with the sessions that this cost', () => {
    const { events, last } = recorded()
    events.emit('replaced', { ...link, oldSource: '192.0.2.1:0', sessions: 2 })
    expect(last()).toEqual({
      level: 'warn',
      deviceId: 'router1',
      source: '192.0.2.1:1',
      oldSource: '192.0.2.1:0',
      sessions: 2,
      msg: 'link replaced by a newer one of the same device',
    })
  })

  it.each([
    ['lost', 'warn'],
    ['keepalive-timeout', 'warn'],
    ['shutdown', 'info'],
  ] as const)('when a link is detached: %s as %s', (reason, level) => {
    const { events, last } = recorded()
    events.emit('detached', { ...link, end: { reason, message: 'why' } })
    expect(last()).toEqual({
      level,
      deviceId: 'router1',
      source: link.source,
      reason,
      msg: 'link detached: why',
    })
  })

  it.each([
    [{}, {}],
    [{ deviceId: 'router1' }, { claimed: 'router1' }],
  ])('when a call is refused, with the id as a claim: %j', (given, told) => {
    const { events, last } = recorded()
    events.emit('refused', { reason: 'wrong-hmac', message: 'why', hint: 'what to do', source: 's', ...given })
    expect(last()).toEqual({
      level: 'warn',
      source: 's',
      reason: 'wrong-hmac',
      hint: 'what to do',
      ...told,
      msg: 'call refused: why',
    })
  })

  it('when calls are refused by the thousand, a few times, with how many there were between', () => {
    let now = 0
    const lines: string[] = []
    const events = makeFeed()
    const log = createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) })
    logFleetEvents(events, log, () => now)
    const refuse = (reason: CallHomeRefusalReason) =>
      events.emit('refused', { reason, message: 'm', hint: 'h', source: 's' })
    for (let count = 0; count < 1000; count += 1) refuse('too-many-handshakes')
    expect(lines).toHaveLength(10)
    now = 10_000
    refuse('too-many-handshakes')
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ reason: 'too-many-handshakes', notLogged: 990 })
    for (let count = 0; count < 20; count += 1) refuse('wrong-hmac')
    expect(lines).toHaveLength(31)
  })
})
