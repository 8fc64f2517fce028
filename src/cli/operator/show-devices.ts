import { strangerText } from '../../lib/stranger-text.js'
import type { DeviceView } from '../../northbound/http/routes/devices/device.js'
import { counted, shortTime, table } from '../table.js'

/** A table of devices for people, one a line. */
export function deviceTable(devices: readonly DeviceView[]): string {
  if (devices.length === 0) return 'no devices: none is configured, and none has called\n'
  return table([
    ['ID', 'STANDING', 'LINK', 'ENDPOINT', 'LAST SEEN', 'FINGERPRINT'],
    ...devices.map((device) => [
      device.id,
      device.standing,
      device.link === null ? '-' : 'attached',
      endpointInShort(device),
      device.lastSeen === null ? '-' : shortTime(device.lastSeen),
      keysInShort(device),
    ]),
  ])
}

/** All that is known of one device, a line for each thing. */
export function deviceSheet(device: DeviceView): string {
  const { pins, presented, decision, link, contest, lastDetached, lastRefusal, addresses, labels } = device
  const lines: (readonly [string, string] | undefined)[] = [
    ['id', device.id],
    ['standing', device.standing],
    link === null
      ? ['link', 'none']
      : [
          'link',
          [
            `from ${link.source} since ${shortTime(link.attachedAt)}`,
            link.software,
            counted(link.sessions, 'session'),
            `${link.queued} queued`,
          ].join(', '),
        ],
    link === null ? undefined : ['link key', link.fingerprint],
    link === null ? undefined : ['at most', counted(link.mostSessions, 'session')],
    link === null || link.lostChannels === 0
      ? undefined
      : ['unanswered', `${counted(link.lostChannels, 'channel')} on this link`],
    link?.heldSession === null || link === null ? undefined : ['held session', heldInShort(link.heldSession)],
    contest === null
      ? undefined
      : [
          'contested',
          `${contest.turnedAway} links turned away since ${shortTime(contest.since)}, ` +
            `the last ${shortTime(contest.last)}: ${contest.sources.join(' stayed, not ')}`,
        ],
    lastDetached === null ? undefined : ['last link ended', `${shortTime(lastDetached.at)}: ${lastDetached.message}`],
    ...pins.map(
      ({ type, fingerprint, by, addedAt }) =>
        ['pin', `${type} ${fingerprint} (by ${by}${addedAt === null ? '' : `, ${shortTime(addedAt)}`})`] as const,
    ),
    presented === null ? undefined : ['presented', `${presented.type} ${presented.fingerprint}`],
    decision === null ? undefined : ['decision', `${decision.how} by ${decision.by}, ${shortTime(decision.at)}`],
    device.endpoint === null ? undefined : ['endpoint', endpointInShort(device)],
    ['secret', device.hasSecret ? 'yes' : 'no'],
    ['first seen', device.firstSeen === null ? 'never' : shortTime(device.firstSeen)],
    ['last seen', device.lastSeen === null ? 'never' : shortTime(device.lastSeen)],
    addresses.length === 0 ? undefined : ['addresses', addresses.join(', ')],
    lastRefusal === null
      ? undefined
      : [
          'last refusal',
          `${shortTime(lastRefusal.at)} from ${lastRefusal.source}: ${lastRefusal.reason}: ${lastRefusal.message}`,
        ],
    ...Object.entries(device.refusals).map(([reason, count]) => ['refused', `${count} × ${reason}`] as const),
    ...Object.entries(labels).map(([name, value]) => ['label', `${name}=${value}`] as const),
  ]
  return table(lines.filter((line) => line !== undefined))
}

/** How the session is that the bridge keeps open for itself. */
function heldInShort({ state, endedAtOnce }: HeldSession): string {
  const often = endedAtOnce === 0 ? '' : `; the device ended it at once ${endedAtOnce} times in a row`
  return `${state}${often}`
}

type HeldSession = NonNullable<NonNullable<DeviceView['link']>['heldSession']>

/** An address, a port as `:port`, or both. */
function endpointInShort({ endpoint }: DeviceView): string {
  if (endpoint === null) return '-'
  const { address, port } = endpoint
  return [...(address === null ? [] : [address]), ...(port === null ? [] : [`:${port}`])].join(' ')
}

/** What a device id is bound to now, to be compared with the device. */
export function boundKeys({ id, pins }: DeviceView): string {
  if (pins.length === 0) return `${strangerText(id)} is bound to no key\n`
  return pins.map(({ type, fingerprint }) => `${strangerText(`${id} is bound to ${type} ${fingerprint}`)}\n`).join('')
}

/** What it is bound to, and what it shows instead. */
function keysInShort({ pins: [pin, ...more], presented, link }: DeviceView): string {
  if (pin === undefined) return presented?.fingerprint ?? link?.fingerprint ?? '-'
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`
  const known = [pin, ...more].some(({ fingerprint }) => fingerprint === presented?.fingerprint)
  return `${pin.fingerprint}${others}${presented === null || known ? '' : `, shows ${presented.fingerprint}`}`
}
