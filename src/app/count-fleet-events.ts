import type { FleetEmitter } from '../fleet/events.js'
import type { ChannelRequest } from '../fleet/link.js'
import type { FleetMetrics } from '../telemetry/metrics.js'

/** Counts each thing that happens in the fleet. */
export function countFleetEvents(events: FleetEmitter, metrics: FleetMetrics): void {
  events.on('attached', () => metrics.linkAttached())
  events.on('replaced', () => {
    metrics.linkEnded('replaced')
    metrics.linkAttached()
  })
  events.on('detached', ({ end }) => metrics.linkEnded(end.reason))
  events.on('refused', ({ reason }) => metrics.callRefused(reason))
  events.on('contested', () => metrics.identityContested())
  events.on('channel-lost', ({ loss }) => metrics.channelLost(loss))
  events.on('session-opened', ({ client, request }) => metrics.sessionOpened(client.via, channelWord(request)))
  events.on('session-closed', ({ client, durationSeconds }) => metrics.sessionClosed(client.via, durationSeconds))
  events.on('session-refused', ({ refusal }) => metrics.sessionRefused(refusal.reason))
}

/** What a session is for, in one of a few words: clients write the rest of a request. */
function channelWord(request: ChannelRequest): string {
  if (request.kind !== 'subsystem') return request.kind
  return request.name === 'netconf' || request.name === 'sftp' ? request.name : 'subsystem'
}
