/**
 * Hybrid key exchanges in ssh2, which knows none and has no place for one. It is shown a KEXINIT that names X25519
 * alone where both sides agree on a hybrid, and the exchange that it then makes gets the values and the secret of the
 * hybrid. Everything else stays ssh2's: the exchange hash, its signature, strict key exchange, the keys. Should its
 * insides change, a signature does not hold, and nothing passes by mistake.
 */
import { answerHybrid, type HybridOffer, offerHybrid } from '../hybrid-secret.js'
import { HYBRID_EXCHANGES, type HybridExchange } from '../post-quantum.js'
import { sshString } from '../wire.js'
import { createWireReader } from '../wire-reader.js'
import type { KeyExchange, Offer, Protocol } from './internals.js'
import { requireSsh2 } from './load.js'

/** What ssh2 is told that was agreed on. */
const STAND_IN = 'curve25519-sha256'

const KEXINIT = 20

/** Message number and cookie before the lists of a KEXINIT (RFC 4253 §7.1). */
const BYTES_BEFORE_LISTS = 17

/** Names in the list of key exchanges that are none, and tell something of the side that sends them. */
const MARKER = /^(ext-info-[cs]|kex-strict-.*)$/

const { SUPPORTED_KEX: knownExchanges } = requireSsh2('ssh2/lib/protocol/constants.js') as {
  readonly SUPPORTED_KEX: string[]
}
// ssh2 refuses to offer what is not on this list; what it offers by default is on another one.
for (const name of HYBRID_EXCHANGES.keys()) knownExchanges.push(name)

const handlers = requireSsh2('ssh2/lib/protocol/handlers.js') as Record<
  number,
  ((protocol: Protocol, payload: Buffer) => unknown) | undefined
>
const readKexinit = handlers[KEXINIT]
// Of every key exchange of a connection but the first one.
handlers[KEXINIT] = (protocol, payload) => translated(protocol, payload, (seen) => readKexinit?.(protocol, seen))

/** A KEXINIT that ssh2 reads in a translation at this moment. */
interface Translated {
  readonly protocol: Protocol
  readonly name: string
  readonly exchange: HybridExchange
  readonly original: Buffer
  readonly offer: Offer
}

let underway: Translated | undefined

/** Lets a connection take part in hybrid key exchanges, which has read no more yet than an identification. */
export function takeHybrids(protocol: Protocol): void {
  if (protocol._decipher !== undefined) return translateFirst(protocol)
  const { _onHeader: onHeader } = protocol
  protocol._onHeader = (header) => {
    translateFirst(protocol)
    protocol._onHeader = onHeader
    onHeader(header)
  }
}

/** What reads packets during the first key exchange ends with it. */
function translateFirst(protocol: Protocol): void {
  const { _decipher: decipher } = protocol
  if (decipher === undefined) return
  const onPayload = decipher._onPayload
  decipher._onPayload = (payload) =>
    payload[0] === KEXINIT && protocol._kex === undefined
      ? translated(protocol, payload, onPayload)
      : onPayload(payload)
}

/**
 * Makes a key exchange the hybrid that both sides have agreed on, where they have. To be called as soon as ssh2 has
 * made one.
 */
export function becomeHybrid(protocol: Protocol, exchange: KeyExchange): void {
  if (underway?.protocol !== protocol) return
  const { name, exchange: hybrid, original, offer } = underway
  protocol._offer = offer
  exchange._remoteKexinit = original
  exchange.negotiated.kex = name
  exchange.type = name
  exchange.hashName = hybrid.hash
  // ssh2 would take zeros off the beginning.
  exchange.convertPublicKey = (bytes) => bytes
  Object.assign(exchange, protocol._server ? serverHalf(hybrid) : clientHalf(hybrid))
}

/**
 * Has a KEXINIT of the other side read by ssh2: as it is, or as one that can only lead to the stand-in. The own offer
 * is narrowed likewise for that moment: one that is shared by all connections stays as it is.
 */
function translated(protocol: Protocol, payload: Buffer, read: (seen: Buffer) => unknown): unknown {
  const reader = createWireReader(payload.subarray(BYTES_BEFORE_LISTS))
  const theirs = reader.string().toString('latin1').split(',')
  const { _offer: offer } = protocol
  const name = agreedOn(protocol._server ? [theirs, offer.lists.kex.array] : [offer.lists.kex.array, theirs])
  const exchange = HYBRID_EXCHANGES.get(name ?? '')
  if (name === undefined || exchange === undefined) return read(payload)
  const names = [STAND_IN, ...theirs.filter((word) => MARKER.test(word))]
  const rest = payload.subarray(BYTES_BEFORE_LISTS + reader.position())
  const outer = underway
  underway = { protocol, name, exchange, original: payload, offer }
  protocol._offer = narrowed(offer)
  try {
    return read(Buffer.concat([payload.subarray(0, BYTES_BEFORE_LISTS), sshString(names.join(',')), rest]))
  } finally {
    protocol._offer = offer
    underway = outer
  }
}

/** The client's best that the server has, too (RFC 4253 §7.1). */
function agreedOn([client, server]: readonly [readonly string[], readonly string[]]): string | undefined {
  return client.find((name) => server.includes(name))
}

/** The same, and what is sent of it is the same, but the stand-in is all that is agreed to. */
function narrowed(offer: Offer): Offer {
  const lists = { ...offer.lists, kex: { ...offer.lists.kex, array: [STAND_IN] } }
  return Object.create(offer, { lists: { value: lists } }) as Offer
}

type Half = Pick<KeyExchange, 'getPublicKey' | 'computeSecret'>

function serverHalf({ kem, hash }: HybridExchange): Half {
  let reply: Buffer | undefined
  return {
    computeSecret: (init) =>
      orError(() => {
        const answer = answerHybrid(kem, hash, init)
        reply = answer.reply
        return answer.secret
      }),
    getPublicKey: () => {
      const bytes = reply ?? Buffer.alloc(0)
      reply = undefined
      return bytes
    },
  }
}

function clientHalf({ clientKem, hash }: HybridExchange): Half {
  if (clientKem === undefined) throw new Error('the bridge offers it to no server')
  let offered: HybridOffer | undefined = offerHybrid(clientKem, hash)
  let hasSecret = false
  return {
    computeSecret: (reply) =>
      orError(() => {
        hasSecret = true
        return offered?.secretWith(reply) ?? new Error('the secret was computed before')
      }),
    // ssh2 asks once to send it, and once more for the exchange hash when the secret is there. Nothing is kept then.
    getPublicKey: () => {
      const bytes = offered?.init ?? Buffer.alloc(0)
      if (hasSecret) offered = undefined
      return bytes
    },
  }
}

/** An error is given back, as ssh2 wants it. */
function orError(secret: () => Buffer | Error): Buffer | Error {
  try {
    return secret()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
