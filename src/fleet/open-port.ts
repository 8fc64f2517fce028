import { inBackground } from '../lib/background.js'
import { createUserPlaces } from '../net/user-places.js'
import type { PortPurpose } from '../ssh/session-channel.js'
import type { Attachment, FleetEntry } from './fleet-entry.js'
import type { SessionOpening } from './fleet.js'
import { letGoOfChannel } from './let-go-of-channel.js'
import type { ChannelOpening } from './link.js'
import { type FleetSessionRefusal, sessionRefusal } from './refusals/sessions.js'
import type { SessionClient } from './session-client.js'
import { registered, type SessionRegister } from './session-register.js'
import type { SessionRequest } from './session-request.js'

/** Bounds on connections to the own ports of one device: of all clients, and of one user. */
export interface PortLimits {
  readonly maxForwards: number
  readonly maxForwardsPerUser: number
}

export interface PortOpenerOptions {
  readonly limits: () => PortLimits
  readonly serves: (client: SessionClient) => boolean
  readonly register: Pick<SessionRegister, 'open'>
}

/** Whoever wants a connection to a port of a device's own. */
export interface AskingForPort extends Omit<SessionRequest, 'request'> {
  readonly request: PortPurpose
  readonly entry: FleetEntry
  readonly signal: AbortSignal | undefined
}

/**
 * Has a device connect a channel to a port of its own. It takes none of the device's sessions, so nobody waits for
 * one, and what the device says to it is final. Its place is free once the device has closed it: one that does not
 * would otherwise have as many as somebody likes.
 */
export function createPortOpener({ limits, serves, register }: PortOpenerOptions) {
  return async ({ link, number }: Attachment, asking: AskingForPort): Promise<SessionOpening | 'again'> => {
    const { deviceId, request, client, entry, signal } = asking
    entry.ports ??= createUserPlaces(() => ({ most: limits().maxForwards, mostPerUser: limits().maxForwardsPerUser }))
    const place = entry.ports.enter(client.user)
    if (!place.ok)
      return place.bound === 'all'
        ? refused(sessionRefusal('too-many-forwards', deviceId, limits().maxForwards))
        : refused(sessionRefusal('too-many-forwards-of-user', deviceId, place.heldByUser))
    const opening = await link.openChannel(request).catch((thrown: unknown) => {
      place.leave()
      throw thrown
    })
    if (!opening.ok) {
      // A device that answers late has what it opens closed, and its place is kept until then.
      if (opening.answered === undefined) place.leave()
      else inBackground('fleet', Promise.race([opening.answered, link.ended]).then(place.leave))
      if (opening.cause === 'link-closed') {
        await link.ended
        return 'again'
      }
      const said = { ...opening, port: request.port }
      return refused(
        refusalOfPort(said, asking) ?? sessionRefusal('channel-unanswered', deviceId, request, opening.message),
      )
    }
    const { channel } = opening
    inBackground('fleet', channel.closed.then(place.leave))
    const isCancelled = signal?.aborted === true
    if (isCancelled || !serves(client)) {
      letGoOfChannel(channel)
      return refused(sessionRefusal(isCancelled ? 'cancelled' : 'shutting-down'))
    }
    return { ok: true, channel, session: register.open({ ...registered(asking), link: number }, channel) }
  }
}

/**
 * What a device said to a connection to a port of its own, or to a session as its user through one; undefined where it
 * was something else. None of it is worth another try.
 */
export function refusalOfPort(
  { cause, message, port = 0 }: Extract<ChannelOpening, { readonly ok: false }>,
  { deviceId, client: { user } }: Pick<SessionRequest, 'deviceId' | 'client'>,
): FleetSessionRefusal | undefined {
  if (cause === 'prohibited') return sessionRefusal('forwarding-refused', deviceId, port, message)
  if (cause === 'unknown-type') return sessionRefusal('forwarding-unknown', deviceId, message)
  if (cause === 'connect-failed') return sessionRefusal('port-closed', deviceId, port, message)
  if (cause === 'account' || cause === 'account-name')
    return sessionRefusal('account-refused', deviceId, user, { cause, message })
  return cause === 'host-key' ? sessionRefusal('own-ssh-not-proven', deviceId, port, message) : undefined
}

const refused = (refusal: FleetSessionRefusal): SessionOpening => ({ ok: false, refusal })
