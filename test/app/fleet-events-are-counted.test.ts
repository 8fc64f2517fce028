import { expect, it } from 'vitest'
import { countFleetEvents } from '../../src/app/count-fleet-events.js'
import type { FleetEvents } from '../../src/fleet/events.js'
import { makeFeed } from '../fleet/support/hand-made-feed.js'
import type { ChannelRequest } from '../../src/ssh/session-channel.js'
import type { FleetMetrics } from '../../src/telemetry/metrics.js'
import { session } from '../northbound/http/fleet-in-memory.js'

it('counts each thing that happens in the fleet, a replaced link as an end and a beginning', () => {
  const counted: string[] = []
  const count =
    (what: keyof FleetMetrics) =>
    (...told: readonly unknown[]) =>
      void counted.push([what, ...told].join(' '))
  const events = makeFeed()
  countFleetEvents(events, {
    linkAttached: count('linkAttached'),
    linkEnded: count('linkEnded'),
    callRefused: count('callRefused'),
    identityContested: count('identityContested'),
    channelLost: count('channelLost'),
    sessionOpened: count('sessionOpened'),
    sessionClosed: count('sessionClosed'),
    sessionRefused: count('sessionRefused'),
  })
  const link = {
    deviceId: 'r1',
    number: 1,
    source: 's',
    hostKeyFingerprint: 'f',
    software: 'x',
    provenBy: 'pin',
  } as const
  const opened = (request: ChannelRequest): FleetEvents['session-opened'] => session('a', { request })
  events.emit('attached', link)
  events.emit('link-added', { ...link, links: 2 })
  events.emit('link-ended', { ...link, links: 1, end: { reason: 'keepalive-timeout', message: '' } })
  events.emit('replaced', { ...link, oldSource: 'o', oldNumber: 2, sessions: 0 })
  events.emit('detached', { ...link, end: { reason: 'lost', message: '' } })
  events.emit('refused', { reason: 'wrong-hmac', message: '', hint: '', source: 's' })
  const at = new Date(0).toISOString()
  events.emit('contested', { deviceId: 'r1', turnedAway: 1, sources: ['s', 'o'], since: at, last: at })
  events.emit('channel-lost', { ...link, loss: 'close', lost: 1 })
  events.emit('session-opened', opened({ kind: 'subsystem', name: 'netconf' }))
  events.emit('session-opened', opened({ kind: 'subsystem', name: 'made up' }))
  events.emit('session-opened', opened({ kind: 'exec', command: 'rm -rf' }))
  events.emit('session-closed', { ...session('a'), durationSeconds: 3 })
  events.emit('session-refused', {
    deviceId: 'r1',
    client: session('a').client,
    refusal: { reason: 'link-full', message: '', hint: '' },
  })
  expect(counted).toEqual([
    'linkAttached ',
    'linkAttached ',
    'linkEnded keepalive-timeout',
    'linkEnded replaced',
    'linkAttached ',
    'linkEnded lost',
    'callRefused wrong-hmac',
    'identityContested',
    'channelLost close',
    'sessionOpened ssh netconf',
    'sessionOpened ssh subsystem',
    'sessionOpened ssh exec',
    'sessionClosed ssh 3',
    'sessionRefused link-full',
  ])
})
