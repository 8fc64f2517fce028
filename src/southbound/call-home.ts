import type { Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { EnrolmentService } from '../fleet/enrolment/enrolment-service.js'
import type { LocalFleet } from '../fleet/local-fleet.js'
import { workOn } from '../lib/current-work.js'
import type { Rank } from '../lib/fair-queue.js'
import type { Call } from '../ssh/admission.js'
import { linkEnd } from '../fleet/refusals/link-ends.js'
import { callHomeRefusal, type CallHomeRefusal } from '../fleet/refusals/call-home.js'
import { strangerText } from '../lib/stranger-text.js'
import type { Keepalive } from '../ssh/keepalive.js'
import type { Log } from '../telemetry/log.js'
import type { CallHomeMetrics } from '../telemetry/metrics.js'
import type { Claim } from '../trust/claim.js'
import type { Credentials } from '../trust/credentials.js'
import { type Evidence, judgeHostKey, namesJudged } from '../trust/ssh/judge-host-key.js'
import { compareHashedNames, hasManyHashedNames } from '../trust/ssh/known-hosts-for.js'
import type { KnownDevices } from '../trust/known-devices.js'
import { loginKeysFor } from '../trust/ssh/login-keys.js'
import type { TrustAnchors } from '../trust/trust-anchors.js'
import { wantedHostKeys } from '../trust/ssh/wanted-host-keys.js'
import type { SeenDevices } from './seen-devices.js'
import type { ChannelLimits } from './ssh/device-channels.js'
import { holdSession } from './ssh/held-session.js'
import { readClaim } from './ssh/initiation.js'
import type { Login } from './ssh/login.js'
import { noLongerProven, openSshLink, type SshLinkOptions } from './ssh/ssh-link.js'
import { stopwatch } from '../lib/stopwatch.js'
import { watchWaiting } from './waiting-connection.js'

/** Whom a call-home connection may turn out to be, and what becomes of it. */
export interface CallHome {
  readonly fleet: Pick<LocalFleet, 'attach' | 'refuse'>
  readonly service: EnrolmentService
  readonly seenDevices: SeenDevices
  /** What vouches for host keys now; a reload changes what this gives. */
  readonly anchors: () => TrustAnchors
  readonly credentialsFor: (deviceId: string, because: Evidence) => Credentials | undefined
  readonly keepalive: Keepalive
  readonly metrics: CallHomeMetrics
  readonly log: Log
}

/** A connection that was taken in, and where it counts as coming from. */
export interface Admitted {
  readonly call: Call
  readonly network: string
  /** Told of its refusal before anybody else; gives what is told then. */
  readonly refused: (refusal: CallHomeRefusal) => CallHomeRefusal
}

/** Bounds on one call-home connection; times in milliseconds. */
export interface CallHomeLimits extends ChannelLimits {
  readonly initiationTimeout: number
  readonly handshakeTimeout: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  readonly maxReplyWait: number
}

/**
 * The way of a device in: read its claim, wait for a place, let key exchange prove a host key, judge it (and wait for an operator, where it is pending),
 * log in with what is bound to that identity, and attach the link to the fleet. Whatever fails, the connection is closed and the refusal told.
 */
export async function receiveCall(
  socket: Socket,
  source: string,
  { call, network, refused }: Admitted,
  { fleet, service, seenDevices, anchors, credentialsFor, keepalive, metrics, log }: CallHome,
  limits: CallHomeLimits,
): Promise<void> {
  const refuse = (found: CallHomeRefusal, claimed?: string, key?: Buffer): void => {
    socket.destroy()
    const refusal = refused(found)
    const deviceId = refusal.deviceId ?? claimed
    // It may quote what the other side wrote: a disconnect's description, a name in a certificate.
    const message = strangerText(refusal.message)
    const told = { ...refusal, message, source, ...(deviceId === undefined ? {} : { deviceId }) }
    service.refused(told, key)
    fleet.refuse(told)
  }
  const reading = await readClaim(socket, limits.initiationTimeout)
  if (!reading.ok) return refuse(reading.refusal)
  const { claim } = reading
  const [claimed] = claim.deviceIds

  const queued = stopwatch()
  const outcome = await waitForPlace(socket, call, seenDevices.rankOf(claim, network))
  metrics.handshakeQueued(queued.seconds())
  if (outcome !== 'begun') return refuse(notBegun(outcome, queued.seconds()), claimed)

  const handshake = stopwatch()
  const fail: typeof refuse = (...refusal) => {
    metrics.handshakeEnded('refused', handshake.seconds())
    refuse(...refusal)
  }
  // Whoever calls home by RFC 8071 alone may count on the session that it speaks of; sshd behind a Junos initiation sequence does not.
  const wantsHeldSession = claim.form === 'none'
  if (claim.form !== 'none')
    await compareHashedNames(anchors().knownHosts, namesClaimed(claim.deviceIds, service.known()))
  const hostKeyAlgorithms = wantedHostKeys(claim, service.known(), anchors())
  if (hostKeyAlgorithms.length === 0) return fail(unsupportedHostKey(claim), claimed)
  const work = { kind: 'handshake', source }
  let credentials: Credentials | undefined
  const judge = judgeOf(claim, service, anchors)
  const opening = await openSshLink(socket, {
    source,
    hostKeyAlgorithms,
    beforeJudging: (key) =>
      compareHashedNames(anchors().knownHosts, namesFound(claim, key, service.known(), anchors())),
    judge,
    decision: (pending, key, gone) =>
      handshake.paused(() =>
        call.suspended(() => service.holdPending({ deviceId: pending.deviceId ?? '', key, source }, gone)),
      ),
    login: ({ deviceId, because }) => {
      credentials = credentialsFor(deviceId, because)
      return loginFor(deviceId, credentials, log)
    },
    loginStands: ({ deviceId, because }) => isDeepStrictEqual(credentialsFor(deviceId, because), credentials),
    work: (piece) =>
      call.work(() => {
        workOn(work)
        piece()
      }),
    handshakeTimeout: limits.handshakeTimeout,
    keepalive,
    keepaliveTimes: {
      interval: limits.keepaliveInterval,
      countMax: limits.keepaliveCountMax,
      maxReplyWait: limits.maxReplyWait,
    },
    channels: limits,
  })
  if (!opening.ok) return fail(opening.refusal, claimed, opening.key)
  const { link, verdict, key } = opening
  /** Whatever is waited for, what proved the device may be taken away meanwhile. */
  const gone = (): boolean => {
    if (link.stillProven()) return false
    const refusal = noLongerProven(verdict.deviceId, judge(key))
    link.end(linkEnd('no-longer-proven', refusal.message))
    fail(refusal, claimed, key)
    return true
  }
  if (gone()) return
  if (verdict.pin && (verdict.because === 'hmac' || verdict.because === 'first-use'))
    await service.bind(verdict.deviceId, key, verdict.because)
  if (verdict.because === 'certificate') await service.admit(verdict.deviceId, 'certificate')
  service.seen(verdict.deviceId, source)
  seenDevices.markSeen(verdict.deviceId, network)
  const held = wantsHeldSession ? await holdSession(link, log) : undefined
  if (gone()) return
  log.debug({ deviceId: verdict.deviceId, because: verdict.because }, 'host key trusted')
  metrics.handshakeEnded('attached', handshake.seconds())
  fleet.attach(link, held)
}

/** Apart, because a link keeps it: made among the others it would hold all that they need. */
/** What a claim names, and what else the devices of these ids go by. */
function namesClaimed(deviceIds: readonly string[], known: KnownDevices): readonly string[] {
  return deviceIds.flatMap((deviceId) => [deviceId, ...(known.byId(deviceId)?.aliases ?? [])])
}

/** What the device that a key proves goes by, where it named no id: with one, that was compared before key exchange. */
function namesFound(claim: Claim, key: Buffer, known: KnownDevices, anchors: TrustAnchors): readonly string[] {
  return claim.form === 'none' && hasManyHashedNames(anchors.knownHosts) ? namesJudged(claim, key, known, anchors) : []
}

function judgeOf(claim: Claim, service: EnrolmentService, anchors: () => TrustAnchors): SshLinkOptions['judge'] {
  return (key) => judgeHostKey(claim, key, service.known(), anchors(), new Date())
}

async function waitForPlace(socket: Socket, call: Call, rank: Rank): ReturnType<Call['queue']> {
  const waiting = watchWaiting(socket)
  const outcome = await call.queue(rank, waiting.gone)
  waiting.stop()
  return outcome
}

function notBegun(outcome: 'timeout' | 'gone', seconds: number): CallHomeRefusal {
  return outcome === 'gone'
    ? callHomeRefusal('closed-early', 'while it waited for its handshake')
    : callHomeRefusal('queue-timeout', seconds)
}

async function loginFor(deviceId: string, credentials: Credentials | undefined, log: Log): Promise<Login> {
  if (credentials === undefined) throw new Error('no credentials are bound to this device')
  const { keys, problems } = await loginKeysFor(credentials, deviceId, new Date())
  for (const problem of problems) log.warn({ deviceId }, `credentials not used: ${problem}`)
  const { username, password, withheld } = credentials
  if (withheld !== undefined) {
    log.warn({ deviceId, hint: withheld.hint }, withheld.message)
    if (keys.length === 0) throw new Error(withheld.message)
  }
  return { username, keys, ...(password === undefined ? {} : { password }) }
}

function unsupportedHostKey(claim: Claim): CallHomeRefusal {
  return callHomeRefusal('unsupported-host-key', claim.form === 'junos' ? claim.hostKey?.type : undefined)
}
