import { deviceCertificateInWords } from '../../app/device-certificates.js'
import { ago, howLong } from '../../fleet/ago.js'
import { strangerText } from '../../lib/stranger-text.js'
import { type Column, fittedTable } from '../fitted-table.js'
import { counted } from '../../lib/counted.js'
import { shortTime, table } from '../table.js'
import type { ShownDevice, ShownLink } from './read-devices.js'

const COLUMNS: readonly Column[] = [
  { name: 'ID', atLeast: 8 },
  { name: 'STANDING', atLeast: 4 },
  { name: 'LINK', atLeast: 14 },
  { name: 'ENDPOINT', optional: true },
  { name: 'LAST SEEN', optional: true },
  { name: 'LABELS', optional: true, atLeast: 12 },
]

/**
 * A table of devices for people, one a line.
 * @param room how many characters a line may have; Infinity where nobody looks at it
 */
export function deviceTable(
  devices: readonly ShownDevice[],
  { room, now }: { readonly room: number; readonly now: number },
): string {
  if (devices.length === 0) return 'no devices: none is configured, and none has called\n'
  const rows = devices.map((device) => [
    device.id,
    device.standing,
    linksInShort(device, now),
    endpointInShort(device),
    device.lastSeen === null ? '-' : shortTime(device.lastSeen),
    labelsInShort(device),
  ])
  return fittedTable(COLUMNS, rows, room)
}

/** The same, with how many links where there are several: `attached 3 h, 2 links`. */
function linksInShort({ linkState, links, node }: ShownDevice, now: number): string {
  if (node !== null) return `attached at node ${strangerText(node)}`
  return `${linkInShort(linkState, now)}${links.length > 1 ? `, ${counted(links.length, 'link')}` : ''}`
}

/** `attached 3 h`, `refused 5 s ago: wrong-hmac`, `pending 2 min`, `away since 2025-06-01 10:00Z`, `never called`. */
function linkInShort({ state, since, reason }: ShownDevice['linkState'], now: number): string {
  const age = since === null ? undefined : now - Date.parse(since)
  const words: Readonly<Record<typeof state, string>> = {
    attached: age === undefined ? 'attached' : `attached ${howLong(age)}`,
    pending: age === undefined ? 'pending' : `pending ${howLong(age)}`,
    refused: `refused ${age === undefined ? '' : `${ago(age)}: `}${reason ?? ''}`,
    away: since === null ? 'away' : `away since ${shortTime(since).replace(/:\d\dZ$/, 'Z')}`,
    never: 'never called',
  }
  return words[state]
}

function labelsInShort({ labels }: ShownDevice): string {
  const written = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  return written.length === 0 ? '-' : written.join(' ')
}

/** All that is known of one device, a line for each thing. */
export function deviceSheet(device: ShownDevice, now = Date.now()): string {
  const { presented, decision, contest, lastDetached, addresses, labels } = device
  const lines: readonly (readonly [string, string] | undefined)[] = [
    ['id', device.id],
    ['standing', device.standing],
    ['state', linksInShort(device, now)],
    ...linkLines(device),
    contest === null
      ? undefined
      : [
          'contested',
          `${counted(contest.turnedAway, 'link')} turned away since ${shortTime(contest.since)}, ` +
            `the last ${shortTime(contest.last)}: ${contest.sources.join(' stayed, not ')}`,
        ],
    lastDetached === null ? undefined : ['last link ended', `${shortTime(lastDetached.at)}: ${lastDetached.message}`],
    ...keyLines(device),
    presented === null ? undefined : ['presented', `${presented.type} ${presented.fingerprint}`],
    decision === null ? undefined : ['decision', decisionInShort(decision)],
    device.endpoint === null ? undefined : ['endpoint', endpointInShort(device)],
    ['secret', device.hasSecret ? 'yes' : 'no'],
    device.vendor === null ? undefined : ['vendor', device.vendor],
    ['first seen', device.firstSeen === null ? 'never' : shortTime(device.firstSeen)],
    ['last seen', lastSeenInShort(device)],
    addresses.length === 0 ? undefined : ['addresses', addresses.join(', ')],
    ...refusalLines(device),
    ...Object.entries(labels).map(([name, value]) => ['label', `${name}=${value}`] as const),
  ]
  return table(lines.filter((line) => line !== undefined))
}

type Lines = readonly (readonly [string, string])[]

/** Of several links, each has its number before what is told of it. */
function linkLines({ links, node }: ShownDevice): Lines {
  if (node !== null) return [['link', `at node ${strangerText(node)}, which is asked for more`]]
  if (links.length === 0) return [['link', 'none']]
  return links.flatMap((link) => {
    const lines = linesOfLink(link)
    return links.length === 1
      ? lines
      : lines.map(([name, told]) => [name === 'link' ? `link ${link.number ?? '?'}` : `  ${name}`, told] as const)
  })
}

function linesOfLink(link: ShownLink): Lines {
  const { provenBy, certificateValidUntil, loggedInBy, account, keyExchange, algorithms } = link
  const { lostChannels, heldSession } = link
  return [
    [
      'link',
      [
        `from ${link.source} since ${shortTime(link.attachedAt)}`,
        link.software,
        counted(link.sessions, 'session'),
        `${link.queued} queued`,
      ].join(', '),
    ],
    ['link key', link.fingerprint],
    ...(provenBy === undefined ? [] : [['proven by', PROVEN_BY[provenBy]] as const]),
    ...(certificateValidUntil === null ? [] : [['valid until', validInShort(certificateValidUntil)] as const]),
    ...(loggedInBy.length === 0 ? [] : [['logged in by', loggedInBy.join(', then ')] as const]),
    ...(account === null ? [] : [['account', account] as const]),
    ...(keyExchange === null ? [] : [['key exchange', exchangeInShort(keyExchange)] as const]),
    ...algorithmLines(algorithms),
    ['at most', counted(link.mostSessions, 'session')],
    ...(lostChannels === 0 ? [] : [['unanswered', `${counted(lostChannels, 'channel')} on this link`] as const]),
    ...(heldSession === null ? [] : [['held session', heldInShort(heldSession)] as const]),
  ]
}

/** With what is to be done about it, where it is soon. */
function validInShort(until: string, now = new Date()): string {
  const told = deviceCertificateInWords(until, now)
  return told === undefined ? shortTime(until) : `${shortTime(until)}: the certificate ${told}`
}

function exchangeInShort({ name, postQuantum }: NonNullable<ShownLink['keyExchange']>): string {
  return postQuantum ? `${name}, post-quantum` : `${name}, classical`
}

function algorithmLines(algorithms: ShownLink['algorithms']): Lines {
  if (algorithms === null) return []
  const { hostKey, cipher, mac, weak } = algorithms
  return [
    ['signed with', hostKey],
    ['cipher', mac === null ? cipher : `${cipher}, ${mac}`],
    ...(weak.length === 0 ? [] : [['weak', weak.join(', ')] as const]),
  ]
}

const PROVEN_BY: Readonly<Record<NonNullable<ShownLink['provenBy']>, string>> = {
  certificate: 'host certificate',
  pin: 'pinned key',
  'known-hosts': 'known_hosts',
  hmac: 'HMAC of its secret',
  'first-use': 'first use',
}

function keyLines({ pins }: ShownDevice): Lines {
  return pins.map(
    ({ type, fingerprint, by, addedAt }) =>
      ['pin', `${type} ${fingerprint} (by ${by}${addedAt === null ? '' : `, ${shortTime(addedAt)}`})`] as const,
  )
}

/** What was decided by nobody is told by how alone. */
function decisionInShort({ how, by, at }: NonNullable<ShownDevice['decision']>): string {
  return `${how === by ? how : `${how} by ${by}`}, ${shortTime(at)}`
}

function lastSeenInShort({ link, lastSeen }: ShownDevice): string {
  if (link !== null) return 'now'
  return lastSeen === null ? 'never' : shortTime(lastSeen)
}

function refusalLines({ lastRefusal, refusals }: ShownDevice): Lines {
  return [
    ...(lastRefusal === null
      ? []
      : [
          [
            'last refusal',
            `${shortTime(lastRefusal.at)} from ${lastRefusal.source}: ${lastRefusal.reason}: ${lastRefusal.message}`,
          ] as const,
        ]),
    ...(lastRefusal === null || lastRefusal.hint === null ? [] : [['hint', lastRefusal.hint] as const]),
    ...Object.entries(refusals).map(([reason, count]) => ['refused', `${count} × ${reason}`] as const),
  ]
}

/** How the session is that the bridge keeps open for itself. */
function heldInShort({ state, endedAtOnce }: HeldSession): string {
  const often = endedAtOnce === 0 ? '' : `; the device ended it at once ${counted(endedAtOnce, 'time')} in a row`
  return `${state}${often}`
}

type HeldSession = NonNullable<ShownLink['heldSession']>

/** An address, a port as `:port`, or both. */
function endpointInShort({ endpoint }: ShownDevice): string {
  if (endpoint === null) return '-'
  const { address, port } = endpoint
  return [...(address === null ? [] : [address]), ...(port === null ? [] : [`:${port}`])].join(' ')
}

/** What a device id is bound to now, to be compared with the device. */
export function boundKeys({ id, pins }: ShownDevice): string {
  if (pins.length === 0) return `${strangerText(id)} is bound to no key\n`
  return pins.map(({ type, fingerprint }) => `${strangerText(`${id} is bound to ${type} ${fingerprint}`)}\n`).join('')
}
