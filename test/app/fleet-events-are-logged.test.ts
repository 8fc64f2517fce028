import { describe, expect, it } from 'vitest'
import { logFleetEvents } from '../../src/app/log-fleet-events.js'
import { type CallHomeRefusalReason, callHomeRefusal } from '../../src/fleet/refusals/call-home.js'
import { makeFeed } from '../fleet/support/hand-made-feed.js'
import { createLog } from '../../src/telemetry/log.js'

const link = {
  deviceId: 'router1',
  source: '192.0.2.1:1',
  number: 1,
  hostKeyFingerprint: 'SHA256:x',
  software: 'OpenSSH_9',
  provenBy: 'pin',
} as const

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

/** A device's first link is told without its number. */
const { number: _number, ...linkFields } = link

describe('what happens in the fleet is logged', () => {
  it('when a link is attached', () => {
    const { events, last } = recorded()
    events.emit('attached', link)
    expect(last()).toEqual({ level: 'info', ...linkFields, msg: 'link attached' })
  })

  it('with a warning where the host certificate ends within fourteen days, once an hour for each device', () => {
    let now = Date.parse('2026-01-01T00:00:00Z')
    const lines: Record<string, unknown>[] = []
    const events = makeFeed()
    const log = createLog(
      { level: 'info', format: 'json' },
      { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    )
    logFleetEvents(events, log, () => now)
    const warnings = (): readonly unknown[] => lines.flatMap(({ level, msg }) => (level === 'warn' ? [msg] : []))
    const certified = { ...link, provenBy: 'certificate' } as const
    events.emit('attached', { ...certified, certificateValidUntil: '2026-01-16T00:00:00.000Z' })
    expect(warnings()).toEqual([])
    const soon = { ...certified, certificateValidUntil: '2026-01-04T00:00:00.000Z' }
    events.emit('attached', soon)
    const told = 'its host certificate expires in 3 days, at 2026-01-04T00:00:00.000Z'
    expect(warnings()).toEqual([told])
    expect(lines.at(-1)).toMatchObject({ deviceId: 'router1', hint: expect.stringContaining('ca sign-host') as string })
    events.emit('link-added', { ...soon, number: 2, links: 2 })
    expect(warnings()).toEqual([told])
    events.emit('attached', { ...soon, deviceId: 'router2' })
    expect(warnings()).toEqual([told, told])
    now += 3_600_001
    events.emit('link-added', { ...soon, number: 3, links: 2 })
    expect(warnings()).toHaveLength(3)
  })

  it.each([
    ['router1', 'homeport devices approve --fingerprint SHA256:x router1'],
    ['SHA256:x', 'homeport devices approve --fingerprint SHA256:x --as NAME SHA256:x'],
  ])('when %s waits for an operator, with the line that approves it, and names it where it sent no id', (id, hint) => {
    const { events, last } = recorded()
    events.emit('pending', { deviceId: id, source: '192.0.2.1:1', hostKeyFingerprint: 'SHA256:x' })
    expect(last()).toMatchObject({ deviceId: id, hint })
  })

  it('when two live links are of one identity: one error a minute for each device, which names both addresses', () => {
    let now = 0
    const lines: string[] = []
    const events = makeFeed()
    const log = createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) })
    logFleetEvents(events, log, () => now)
    const tell = (deviceId: string, turnedAway: number): void => {
      const since = new Date(0).toISOString()
      events.emit('contested', { deviceId, turnedAway, sources: ['192.0.2.1:1', '192.0.2.2:2'], since, last: since })
      const refusal = callHomeRefusal('identity-contested', deviceId, '192.0.2.1:1')
      events.emit('refused', { deviceId, source: '192.0.2.2:2', ...refusal })
    }
    for (let turnedAway = 1; turnedAway <= 30; turnedAway += 1, now += 1_000) tell('router1', turnedAway)
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        time: expect.any(String) as string,
        level: 'error',
        deviceId: 'router1',
        source: '192.0.2.1:1',
        otherSource: '192.0.2.2:2',
        turnedAway: 1,
        reason: 'identity-contested',
        hint: expect.stringMatching(
          /two devices have this id and key .*, or one calls this bridge more often than it may/,
        ) as string,
        msg:
          'two live links of "router1" replaced each other again and again: ' +
          'the one from 192.0.2.1:1 stays while it answers, the one from 192.0.2.2:2 was turned away',
      },
    ])
    tell('router2', 1)
    expect(lines).toHaveLength(2)
    now += 60_000
    tell('router1', 31)
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ deviceId: 'router1', turnedAway: 31, level: 'error' })
  })

  it('when a link is replaced, with the sessions that this cost', () => {
    const { events, last } = recorded()
    events.emit('replaced', { ...link, oldSource: '192.0.2.1:0', oldNumber: 1, sessions: 2 })
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

  it.each([
    ['127.0.0.1:50000', callHomeRefusal('sent-nothing'), 'info'],
    ['[::1]:50000', callHomeRefusal('sent-nothing'), 'info'],
    ['127.0.0.1:50000', callHomeRefusal('closed-early', 'before its SSH identification'), 'warn'],
    ['192.0.2.1:50000', callHomeRefusal('sent-nothing'), 'warn'],
  ] as const)('when %s closes early, as a port check does: $message, %s', (source, refusal, level) => {
    const { events, last } = recorded()
    events.emit('refused', { ...refusal, source })
    expect(last()).toMatchObject({ level, reason: refusal.reason, source })
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
