import type { FleetEventFeed, SessionEvent } from '../fleet/events.js'
import type { FleetMetrics } from '../telemetry/metrics.js'

/** Counts each thing that happens in the fleet. */
export function countFleetEvents(events: FleetEventFeed, metrics: FleetMetrics): void {
  events.subscribe({
    attached: ({ algorithms }) => metrics.linkAttached(algorithms?.weak ?? []),
    replaced: ({ algorithms }) => {
      metrics.linkEnded('replaced')
      metrics.linkAttached(algorithms?.weak ?? [])
    },
    'link-added': ({ algorithms }) => metrics.linkAttached(algorithms?.weak ?? []),
    'link-ended': ({ end }) => metrics.linkEnded(end.reason),
    detached: ({ end }) => metrics.linkEnded(end.reason),
    refused: ({ reason }) => metrics.callRefused(reason),
    contested: () => metrics.identityContested(),
    'channel-lost': ({ loss }) => metrics.channelLost(loss),
    'session-opened': ({ client, request }) => metrics.sessionOpened(client.via, channelWord(request)),
    'session-closed': ({ client, durationSeconds }) => metrics.sessionClosed(client.via, durationSeconds),
    'session-refused': ({ refusal }) => metrics.sessionRefused(refusal.reason),
  })
}

/** What a session is for, in one of a few words: clients write the rest of a request. */
function channelWord(request: SessionEvent['request']): string {
  if (request.kind !== 'subsystem') return request.kind
  return request.name === 'netconf' || request.name === 'sftp' ? request.name : 'subsystem'
}
