/** What ssh2 keeps of a handshake once it is over, as often as there are idle links. */
import type { Client } from 'ssh2'
import { packBytes } from '../../lib/packed-buffer.js'
import { inside, type Offer } from './internals.js'

/** Offers of algorithms by their bytes; there are as many as there are configurations. */
const offers = new Map<string, Offer>()
const MAX_OFFERS = 64

/** What only a login may bring; ssh2 itself overlooks a message that has no handler. */
const LOGIN_MESSAGES = [
  'SERVICE_ACCEPT',
  'USERAUTH_BANNER',
  'USERAUTH_FAILURE',
  'USERAUTH_PASSWD_CHANGEREQ',
  'USERAUTH_PK_OK',
  'USERAUTH_INFO_REQUEST',
]

/** Lets go of what only the login needed, and packs what every key exchange to come needs. Once. */
export function forgetLogin(client: Client): void {
  const { _protocol: protocol } = inside(client)
  const { _handlers: handlers, _kex: exchange } = protocol
  for (const message of LOGIN_MESSAGES) handlers[message] = undefined
  protocol._offer = sharedOffer(protocol._offer)
  protocol._remoteIdentRaw = packBytes(protocol._remoteIdentRaw)
  if (exchange !== undefined) exchange._remoteIdentRaw = protocol._remoteIdentRaw
}

/** Lets go of what only the key exchange needed, and packs what it left. After each key exchange. */
export function forgetKeyExchange(client: Client): void {
  const { _kex: exchange, _decipher: decipher } = inside(client)._protocol
  if (exchange?._finished !== true) return
  if ('_keys' in exchange) exchange._keys = null
  if ('_dh' in exchange) exchange._dh = null
  if (decipher?._tag !== undefined) decipher._tag = packBytes(decipher._tag)
  if (decipher?._mac !== undefined) decipher._mac = packBytes(decipher._mac)
}

/** ssh2 only reads an offer, in each key exchange anew. */
function sharedOffer(offer: Offer): Offer {
  const bytes = offer.lists.all.toString('latin1')
  const known = offers.get(bytes)
  if (known !== undefined) return known
  if (offers.size >= MAX_OFFERS) return offer
  offers.set(bytes, offer)
  return offer
}
