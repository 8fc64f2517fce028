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

/** The parts of the bridge that a call-home connection needs on its way in. */
export interface CallHome {
  readonly fleet: Pick<LocalFleet, 'attach' | 'refuse'>
  readonly service: EnrolmentService
  readonly seenDevices: SeenDevices
  readonly metrics: CallHomeMetrics
  readonly log: Log
}

/** One call-home connection that the listener has accepted. */
export interface IncomingCall {
  readonly transport: Transport
  readonly socket: Socket
  /** `address:port` that the device dialled from. */
  readonly source: string
  /** The source network by which limits and penalties count, such as an IPv6 /64. */
  readonly network: string
  /** The connection's place among the handshakes, or in the queue for them. */
  readonly place: Call
  /**
   * Tells the listener of a refusal first. The listener returns the refusal that everybody else is told, or undefined
   * where nobody needs to know.
   */
  readonly refused: (refusal: CallHomeRefusal) => CallHomeRefusal | undefined
  readonly limits: CallHomeLimits
}

/** Bounds on one call-home connection; times in milliseconds. */
export interface CallHomeLimits extends TransportLimits {
  readonly initiationTimeout: number
}

/**
 * Takes one device from its connection to a link in the fleet, in this order: read what the device claims to be, wait
 * for a place among the handshakes, have it prove its key and judge that key, log in to it, attach the link. A pending
 * device waits for an operator in between. A step that fails closes the connection and reports the refusal.
 */
export async function receiveCall(
  { transport, socket, source, network, place, refused, limits }: IncomingCall,
  { fleet, service, seenDevices, metrics, log }: CallHome,
): Promise<void> {
  const refuse = (found: CallHomeRefusal, claimed?: string, key?: Buffer): void => {
    socket.destroy()
    const refusal = refused(found)
    if (refusal === undefined) return
    const deviceId = refusal.deviceId ?? claimed
    // The message may quote a stranger: the text of an SSH disconnect, or a name in a certificate.
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
  /** Asked after each wait: an operator may have revoked the device's key meanwhile. */
  const gone = (): boolean => {
    const refusal = identity.objection()
    if (refusal === undefined) return false
    link.end(linkEnd('no-longer-proven', refusal.message))
    fail(refusal, claimed, key)
    return true
  }
  if (gone()) return
  if (identity.pin && (because === 'hmac' || because === 'first-use'))
    await service.bind(deviceId, key, { how: because, source })
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
 * Whether the bridge opens a NETCONF session of its own on the link. A device that calls home by RFC 8071 alone may
 * expect one. A device that sends a Junos initiation sequence runs sshd, which does not. A link with one channel has no
 * room for it: that channel is for a client.
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
