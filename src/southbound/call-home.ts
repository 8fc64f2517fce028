import type { Socket } from 'node:net'
import type { Fleet } from '../fleet/fleet.js'
import type { Credentials } from '../trust/credentials.js'
import { hostKeyAlgorithmsFor } from '../ssh/host-key-algorithms.js'
import { expectedKeyTypes } from '../trust/expected-key-types.js'
import { judgeHostKey } from '../trust/judge-host-key.js'
import type { KnownDevice } from '../trust/known-device.js'
import { holdSession } from './held-session.js'
import { readClaim } from './initiation.js'
import type { Refusal } from './refusal.js'
import { openSshLink } from './ssh-link.js'

/** What the configuration says of devices now; a reload changes what these give. */
export interface CallHomeTrust {
  readonly known: () => readonly KnownDevice[]
  readonly credentialsFor: (deviceId: string) => Credentials | undefined
}

/** Bounds on one call-home connection; times in milliseconds. */
export interface CallHomeLimits {
  readonly initiationTimeout: number
  readonly handshakeTimeout: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
}

/**
 * The way of a device in: read its claim, let key exchange prove a host key, judge it, log in with what is bound to that identity,
 * and attach the link to the fleet. Whatever fails, the connection is closed and the refusal told.
 */
export async function receiveCall(
  socket: Socket,
  source: string,
  fleet: Fleet,
  trust: CallHomeTrust,
  limits: CallHomeLimits,
): Promise<void> {
  const refuse = (refusal: Refusal, claimed?: string): void => {
    socket.destroy()
    const deviceId = refusal.deviceId ?? claimed
    fleet.refuse({ ...refusal, source, ...(deviceId === undefined ? {} : { deviceId }) })
  }
  const reading = await readClaim(socket, limits.initiationTimeout)
  if (!reading.ok) return refuse(reading.refusal)
  const { claim } = reading
  // Whoever calls home by RFC 8071 alone may count on the session that it speaks of; sshd behind a Junos initiation sequence does not.
  const wantsHeldSession = claim.form === 'none'
  const keyTypes = expectedKeyTypes(claim, trust.known())
  const hostKeyAlgorithms = hostKeyAlgorithmsFor(keyTypes)
  if (hostKeyAlgorithms.length === 0) return refuse(unsupportedHostKey(keyTypes), claim.deviceIds[0])
  const opening = await openSshLink(socket, {
    source,
    hostKeyAlgorithms,
    judge: (key) => judgeHostKey(claim, key, trust.known()),
    credentialsFor: trust.credentialsFor,
    handshakeTimeout: limits.handshakeTimeout,
    keepaliveInterval: limits.keepaliveInterval,
    keepaliveCountMax: limits.keepaliveCountMax,
    heldSessions: wantsHeldSession ? 1 : 0,
  })
  if (!opening.ok) return refuse(opening.refusal, claim.deviceIds[0])
  if (wantsHeldSession) await holdSession(opening.link)
  fleet.attach(opening.link)
}

function unsupportedHostKey(keyTypes: readonly string[]): Refusal {
  return {
    reason: 'unsupported-host-key',
    message: `announced or pinned is a host key of type ${keyTypes.join(', ')}, which is not accepted`,
    hint: 'give the device an Ed25519, ECDSA or RSA host key',
  }
}
