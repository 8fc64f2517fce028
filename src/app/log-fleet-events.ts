import { partyOf } from '../fleet/refusal-party.js'
import { IDENTITY_CONTESTED_HINT, isOverloadRefusal, type LinkRefusal } from '../fleet/refusals/call-home.js'
import type { AttachedLink, FleetEventFeed } from '../fleet/events.js'
import type { LinkEnd } from '../fleet/link.js'
import { createRateLimit } from '../lib/rate-limit.js'
import { DEVICE_CERTIFICATE_HINT, deviceCertificateInWords } from './device-certificates.js'
import type { Log } from '../telemetry/log.js'
import { homeportCommand } from '../lib/shell-word.js'
import { approveCommand } from '../trust/ssh/approve-command.js'

/** One log line for each thing that happens in the fleet; of what strangers cause without end, a few. */
export function logFleetEvents(events: FleetEventFeed, log: Log, now = Date.now): void {
  const limit = createRateLimit(refusalLines, now)
  const contests = new Map<string, number>()
  const warnOfCertificate = ({ deviceId, certificateValidUntil: until }: AttachedLink): void => {
    const told = until === undefined ? undefined : deviceCertificateInWords(until, new Date(now()))
    if (told === undefined || limit('certificate', deviceId, certificateLines) === undefined) return
    log.warn({ deviceId, certificateValidUntil: until, hint: DEVICE_CERTIFICATE_HINT }, `its host certificate ${told}`)
  }
  events.subscribe({
    attached: (link) => {
      log.info(inFields(link), 'link attached')
      warnOfCertificate(link)
    },
    'link-added': ({ links, ...link }) => {
      log.info({ ...inFields(link), link: link.number, links }, 'link attached beside others of the same device')
      warnOfCertificate(link)
    },
    'link-ended': ({ deviceId, source, number, links, end }) =>
      log[QUIET_ENDS.has(end.reason) ? 'info' : 'warn'](
        { deviceId, source, link: number, links, reason: end.reason },
        `one of several links of the device detached: ${end.message}`,
      ),
    'sessions-limited': ({ deviceId, software, mostSessions }) =>
      log.info(
        {
          deviceId,
          software,
          mostSessions,
          hint:
            'this software mixes up answers when several sessions are busy; ' +
            'devices[].max-sessions allows more on this device',
        },
        'the device gets one session at a time',
      ),
    'channel-lost': ({ deviceId, source, software, loss, lost }) =>
      log.warn(
        {
          deviceId,
          source,
          software,
          lost,
          hint:
            'its place is free again; a link with link.max-lost-channels of them is ended, ' +
            'and the device dials again',
        },
        loss === 'open'
          ? 'the device neither opened a channel nor refused it'
          : 'the device did not close a channel that the bridge closed',
      ),
    contested: ({ deviceId, sources: [source, otherSource], turnedAway }) => {
      const told = contests.get(deviceId)
      if (told !== undefined && now() - told < CONTEST_INTERVAL) return
      contests.set(deviceId, now())
      log.error(
        {
          deviceId,
          source,
          otherSource,
          turnedAway,
          reason: 'identity-contested',
          hint: IDENTITY_CONTESTED_HINT,
        },
        `two live links of ${JSON.stringify(deviceId)} replaced each other again and again: ` +
          `the one from ${source} stays while it answers, the one from ${otherSource} was turned away`,
      )
    },
    replaced: ({ deviceId, source, oldSource, sessions }) =>
      log.warn({ deviceId, source, oldSource, sessions }, 'link replaced by a newer one of the same device'),
    detached: ({ deviceId, source, end }) =>
      log[QUIET_ENDS.has(end.reason) ? 'info' : 'warn'](
        { deviceId, source, reason: end.reason },
        `link detached: ${end.message}`,
      ),
    pending: ({ deviceId, source, hostKeyFingerprint }) => {
      const unlogged = limit('pending', deviceId, pendingLines)
      if (unlogged === undefined) return
      log.warn(
        {
          deviceId,
          source,
          hostKeyFingerprint,
          hint: approveCommand({ deviceId, fingerprint: hostKeyFingerprint }),
          ...(unlogged === 0 ? {} : { notLogged: unlogged }),
        },
        'device pending: compare its fingerprint, then approve or reject it',
      )
    },
    'key-replaced': ({ deviceId, source, hostKeyFingerprint, replaced, by }) =>
      log.warn(
        {
          deviceId,
          source,
          hostKeyFingerprint,
          replaced: replaced.join(', '),
          by,
          hint:
            'if nobody has replaced the device or its keys, somebody knows its secret: ' +
            homeportCommand('devices reject', deviceId),
        },
        'the device is bound to another host key from now on: trust.hmac is `replaces-pins`',
      ),
    decided: ({ deviceId, standing, by }) => log.info({ deviceId, standing, by }, `device ${standing}`),
    labelled: ({ deviceId, labels, by }) =>
      log.info({ deviceId, labels: inWords(labels), by }, 'labels of the device changed'),
    refused: (refusal) => {
      const { deviceId, source, reason, message, hint } = refusal
      // A line of its own tells of both links.
      if (reason === 'identity-contested') return
      const unlogged = limit(reason, partyOf(refusal), isOverloadRefusal(refusal) ? overloadLines : refusalLines)
      if (unlogged === undefined) return
      log[isPortCheck(refusal) ? 'info' : 'warn'](
        {
          ...(deviceId === undefined ? {} : { claimed: deviceId }),
          source,
          reason,
          hint,
          ...(unlogged === 0 ? {} : { notLogged: unlogged }),
        },
        `call refused: ${message}`,
      )
    },
  })
}

/** A link as its log line has it. */
function inFields({ number: _number, loggedInBy, keyExchange, algorithms, ...told }: AttachedLink) {
  return {
    ...told,
    ...(loggedInBy === undefined ? {} : { loggedInBy: loggedInBy.join(', ') }),
    ...(keyExchange === undefined ? {} : { keyExchange: keyExchange.name }),
    ...(algorithms === undefined || algorithms.weak.length === 0 ? {} : { weak: algorithms.weak.join(', ') }),
  }
}

/** Whether this machine itself has looked whether the port is open, as `homeport doctor` does. */
function isPortCheck({ reason, source }: LinkRefusal): boolean {
  return reason === 'sent-nothing' && /^(127\.|\[::1\]:)/.test(source)
}

/** As selectors have them. */
function inWords(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
}

/** Lines of one reason: of a claimed device id or a source, and of all of them. */
const refusalLines = { each: 50, all: 200, interval: 10_000 }
/** Lines of devices that begin to wait for an operator, each time that they call. */
const pendingLines = { each: 5, all: 100, interval: 10_000 }
/** Lines of certificates that expire soon, each time that their devices attach. */
const certificateLines = { each: 1, all: 20, interval: 3_600_000 }
/** Lines of a reason that tells of the bridge, whoever called. */
const overloadLines = { each: 10, all: 10, interval: 10_000 }

/** Ends of a link that the bridge or its operator wanted. */
const QUIET_ENDS: ReadonlySet<LinkEnd['reason']> = new Set(['shutdown', 'disconnected', 'let-go'])

/** Milliseconds between two lines on the same contested identity. */
const CONTEST_INTERVAL = 60_000
