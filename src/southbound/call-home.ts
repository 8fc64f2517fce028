import type { Socket } from 'node:net'
import type { EnrolmentService } from '../fleet/enrolment/enrolment-service.js'
import type { Link } from '../fleet/link.js'
import type { LocalFleet } from '../fleet/local-fleet.js'
import { callHomeRefusal, type CallHomeRefusal } from '../fleet/refusals/call-home.js'
import { linkEnd } from '../fleet/refusals/link-ends.js'
import { workOn } from '../lib/current-work.js'
import type { Rank } from '../net/fair-queue.js'
import { stopwatch } from '../lib/stopwatch.js'
import { strangerText } from '../lib/stranger-text.js'
import type { Call } from '../ssh/admission.js'
import type { Log } from '../telemetry/log.js'
import type { CallHomeMetrics } from '../telemetry/metrics.js'
import type { Claim } from '../trust/claim.js'
import { holdSession } from './held-session.js'
import type { SeenDevices } from './seen-devices.js'
import type { Transport, TransportLimits } from './transport.js'
import { watchWaiting } from './waiting-connection.js'

/** Whom a call-home connection may turn out to be, and what becomes of it. */
export interface CallHome {
  readonly fleet: Pick<LocalFleet, 'attach' | 'refuse'>
  readonly service: EnrolmentService
  readonly seenDevices: SeenDevices
  readonly metrics: CallHomeMetrics
  readonly log: Log
}

/** A connection that was taken in. */
export interface IncomingCall {
  readonly transport: Transport
  readonly socket: Socket
  /** `address:port` that the device dialled from. */
  readonly source: string
  /** Where it counts as coming from. */
  readonly network: string
  /** Its place among the handshakes. */
  readonly place: Call
  /** Told of its refusal before anybody else; gives what is told then. */
  readonly refused: (refusal: CallHomeRefusal) => CallHomeRefusal
  readonly limits: CallHomeLimits
}

/** Bounds on one call-home connection; times in milliseconds. */
export interface CallHomeLimits extends TransportLimits {
  readonly initiationTimeout: number
}

/**
 * The way of a device in: read its claim, wait for a place, have it prove a key, judge that (and wait for an operator,
 * where it is pending), log in with what is bound to that identity, and attach the link to the fleet. Whatever fails,
 * the connection is closed and the refusal told.
 */
export async function receiveCall(
  { transport, socket, source, network, place, refused, limits }: IncomingCall,
  { fleet, service, seenDevices, metrics, log }: CallHome,
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
  const reading = await transport.readClaim(socket, limits.initiationTimeout)
  if (!reading.ok) return refuse(reading.refusal)
  const { claim } = reading
  const [claimed] = claim.deviceIds

  const queued = stopwatch()
  const outcome = await waitForPlace(socket, place, seenDevices.rankOf(claim, network))
  metrics.handshakeQueued(queued.seconds())
  if (outcome !== 'begun') return refuse(notBegun(outcome, queued.seconds()), claimed)

  const handshake = stopwatch()
  const fail: typeof refuse = (...refusal) => {
    metrics.handshakeEnded('refused', handshake.seconds())
    refuse(...refusal)
  }
  const work = { kind: 'handshake', source }
  const proof = await transport.prove({
    socket,
    source,
    claim,
    known: service.known,
    decision: (pending, gone) =>
      handshake.paused(() => place.suspended(() => service.holdPending({ ...pending, source }, gone))),
    work: (piece) =>
      place.work(() => {
        workOn(work)
        piece()
      }),
    limits,
  })
  if (!proof.ok) return fail(proof.refusal, claimed, proof.key)
  const opening = await proof.open()
  if (!opening.ok) return fail(opening.refusal, claimed, opening.key)
  const { link, identity } = opening
  const { deviceId, because, key } = identity
  /** Whatever is waited for, what proved the device may be taken away meanwhile. */
  const gone = (): boolean => {
    const refusal = identity.objection()
    if (refusal === undefined) return false
    link.end(linkEnd('no-longer-proven', refusal.message))
    fail(refusal, claimed, key)
    return true
  }
  if (gone()) return
  if (identity.pin && (because === 'hmac' || because === 'first-use')) await service.bind(deviceId, key, because)
  if (because === 'certificate') await service.admit(deviceId, 'certificate')
  service.seen(deviceId, source)
  seenDevices.markSeen(deviceId, network)
  const held = wantsHeldSession(claim, link) ? await holdSession(link, log) : undefined
  if (gone()) return
  log.debug({ deviceId, because }, 'host key trusted')
  metrics.handshakeEnded('attached', handshake.seconds())
  fleet.attach(link, held)
}

/**
 * Whoever calls home by RFC 8071 alone may count on the session that it speaks of; sshd behind a Junos initiation
 * sequence does not. Where the connection is the one session, that is a client's.
 */
function wantsHeldSession({ form }: Claim, { capacity }: Link): boolean {
  return form === 'none' && capacity.channels !== 1
}

async function waitForPlace(socket: Socket, place: Call, rank: Rank): ReturnType<Call['queue']> {
  const waiting = watchWaiting(socket)
  const outcome = await place.queue(rank, waiting.gone)
  waiting.stop()
  return outcome
}

function notBegun(outcome: 'timeout' | 'gone', seconds: number): CallHomeRefusal {
  return outcome === 'gone'
    ? callHomeRefusal('closed-early', 'while it waited for its handshake')
    : callHomeRefusal('queue-timeout', seconds)
}
