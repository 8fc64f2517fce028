/**
 * Key exchange: ssh2 asks who a host key belongs to before it has checked
 * its signature, takes every guess of the other side for a wrong one, and is as strict in later key exchanges as only
 * the first one is meant to be.
 */
import { rsaKeyFault } from '../verifying-key.js'
import { createWireReader } from '../wire-reader.js'
import { boundGroupExchange } from './group-exchange.js'
import { becomeHybrid } from './hybrid-key-exchange.js'
import type { KeyExchange, Protocol } from './internals.js'
import { requireSsh2 } from './load.js'
import { disconnectMessage, sendInKeyExchange } from './packets.js'
import { isOutOfRange } from './public-value.js'

type Finish = KeyExchange['finish']

/** The `level` of the error where a server's signature does not prove the host key that it presented. */
export const HOST_KEY_SIGNATURE = 'host-key-signature'

const { doFatalError } = requireSsh2('ssh2/lib/protocol/utils.js') as {
  readonly doFatalError: (protocol: Protocol, message: string, level: string, reason: number) => unknown
}
/** `SSH_DISCONNECT_KEY_EXCHANGE_FAILED` (RFC 4253 §11.1). */
const KEY_EXCHANGE_FAILED = 3

const currentExchange = Symbol('key exchange')
const adaptExchange = Symbol('adapt key exchange')

interface ExchangeProperties extends Protocol {
  [currentExchange]?: KeyExchange | undefined
  [adaptExchange]?: (exchange: KeyExchange) => void
}

const { prototype } = requireSsh2('ssh2/lib/protocol/Protocol.js') as { readonly prototype: ExchangeProperties }

// ssh2 keeps the key exchange, the first as every later one, in `_kex` before it does anything with it. On the
// prototype, because an object whose own property becomes an accessor is a dictionary to V8 from then on, which every
// packet would pay for.
Object.defineProperty(prototype, '_kex', {
  configurable: true,
  get(this: ExchangeProperties) {
    return this[currentExchange]
  },
  set(this: ExchangeProperties, next: KeyExchange | undefined) {
    // A device that waits for its host key to be judged has no answer yet that another key exchange could follow.
    if (this[currentExchange]?._sentNEWKEYS === false)
      throw new Error('a key exchange was begun before the one under way was over')
    this[currentExchange] = next
    if (next === undefined) return
    becomeHybrid(this, next)
    makeStoppable(next)
    judgeGuess(this, next)
    if (next.type === 'group') judgePublicValue(next)
    if (next.type === 'groupex') boundGroupExchange(next)
    if (next.sessionID !== undefined) takeUsualMessages(this)
    this[adaptExchange]?.(next)
  },
})

/** Calls `adapt` with each key exchange of a connection before anything is done with it. */
export function onEachKeyExchange(protocol: Protocol, adapt: (exchange: KeyExchange) => void): void {
  ;(protocol as ExchangeProperties)[adaptExchange] = adapt
}

/** Ends a connection over the key exchange that was agreed on, and says why; nothing of it has been computed. */
export function refuseKeyExchange(protocol: Protocol, words: string): void {
  sendInKeyExchange(protocol, disconnectMessage(KEY_EXCHANGE_FAILED, words))
  doFatalError(protocol, words, 'handshake', KEY_EXCHANGE_FAILED)
}

/** Whether a connection has failed or is closed: nothing can be sent on it any more. */
export function isOver({ _destruct: destruct }: { readonly _destruct: unknown }): boolean {
  return destruct === undefined
}

/** OpenSSL takes any public value of the other side. */
function judgePublicValue(exchange: KeyExchange): void {
  const { computeSecret } = exchange
  exchange.computeSecret = (theirs) => {
    exchange.generateKeys()
    const prime = exchange._dh?.getPrime() ?? Buffer.alloc(0)
    return isOutOfRange(theirs, prime)
      ? new Error('the public value is out of range')
      : computeSecret.call(exchange, theirs)
  }
}

/**
 * Cookie and message number before the lists of a KEXINIT, and the lists between those for host keys and
 * `first_kex_packet_follows`.
 */
const BYTES_BEFORE_LISTS = 17
const FURTHER_LISTS = 8

/**
 * Where the other side has sent the first packet of a key exchange on a guess, that packet counts if both sides like
 * the same key exchange and the same host key algorithm best, and is passed over otherwise (RFC 4253 §7).
 */
function judgeGuess(protocol: Protocol, { _remoteKexinit: kexinit }: KeyExchange): void {
  const reader = createWireReader(kexinit.subarray(BYTES_BEFORE_LISTS))
  const [theirKex] = reader.text().split(',', 1)
  const [theirHostKey] = reader.text().split(',', 1)
  for (let list = 0; list < FURTHER_LISTS; list += 1) reader.string()
  const packetFollows = reader.uint8() !== 0
  const { kex, serverHostKey } = protocol._offer.lists
  const right = theirKex === kex.array[0] && theirHostKey === serverHostKey.array[0]
  protocol._skipNextInboundPacket = packetFollows && !right
}

/** SSH_MSG_IGNORE, SSH_MSG_UNIMPLEMENTED and SSH_MSG_DEBUG (RFC 4253 §11). */
const IGNORABLE = new Set([2, 3, 4])

/** From this number on messages are those of the connection protocol (RFC 4250 §4.1.2). */
const FIRST_OF_CONNECTION = 80

/**
 * Strict key exchange forbids ignorable messages in the first key exchange alone (draft-miller-sshm-strict-kex §3); in
 * later ones they may come at any time. Channel data may not (RFC 4253 §7.1), but asyncssh goes on sending it under the
 * old keys, and OpenSSH takes it.
 */
function takeUsualMessages(protocol: Protocol): void {
  const { _decipher: decipher } = protocol
  if (decipher === undefined) return
  const onPayload = decipher._onPayload
  // The key exchange ends with another decipher in this one's place.
  decipher._onPayload = (payload) => {
    const type = payload[0] ?? 0
    const usual = IGNORABLE.has(type) || (type >= FIRST_OF_CONNECTION && protocol._authenticated)
    return usual && !protocol._skipNextInboundPacket ? protocol._onPayload(payload) : onPayload(payload)
  }
}

/**
 * Lets a client ask its `hostVerifier` only about a host key whose signature over this key exchange holds, the first
 * time and in every key exchange to come. The answer may come when the connection is over: it then counts for nothing.
 */
export function proveBeforeJudging(protocol: Protocol): void {
  const judge = protocol._hostVerifier
  if (judge === undefined) return
  protocol._hostVerifier = (key, answer) => {
    const exchange = protocol._kex
    if (exchange === undefined || !provesKey(protocol, exchange, key)) return undefined
    return judge(key, (trusted) => {
      if (!isOver(protocol)) answer(trusted)
    })
  }
}

/**
 * ssh2 goes on with what came in the same segment after a host key was refused. To be called for each key exchange of
 * a client.
 */
export function stopOnceOver(protocol: Protocol, exchange: KeyExchange): void {
  const stoppable = (parse: KeyExchange['parse']): KeyExchange['parse'] => {
    const stopping: KeyExchange['parse'] = (payload) => {
      const next = parse.call(exchange, payload)
      // Group exchange goes on with another function for what comes after its own messages.
      if (exchange.parse !== stopping) exchange.parse = stoppable(exchange.parse)
      return isOver(protocol) ? Number.POSITIVE_INFINITY : next
    }
    return stopping
  }
  exchange.parse = stoppable(exchange.parse)
}

/** Whether the server has signed this key exchange with the key that it presents. Fails the connection where not. */
function provesKey(protocol: Protocol, exchange: KeyExchange, key: Buffer): boolean {
  const fault = rsaKeyFault(key)
  if (fault !== undefined) {
    doFatalError(protocol, `its host key is refused: ${fault}`, 'handshake', KEY_EXCHANGE_FAILED)
    return false
  }
  const { _onError: onError } = protocol
  protocol._onError = (error) => {
    if (/signature/i.test(error.message)) error.level = HOST_KEY_SIGNATURE
    onError(error)
  }
  try {
    return finishUpToSignature(exchange)
  } finally {
    protocol._onError = onError
  }
}

const currentFinish = Symbol('finish')
const stopAtSignature = Symbol('stop once the signature held')
const signatureHeld = Symbol('the signature held')

interface StoppableExchange extends KeyExchange {
  [currentFinish]?: Finish | undefined
  [stopAtSignature]?: boolean
}

/**
 * ssh2 checks the signature as the first thing in `finish`, which it calls once the server has sent NEWKEYS. What it
 * has left to do then it puts into `finish` itself, and that is where it is stopped here and goes on later.
 */
function finishUpToSignature(exchange: StoppableExchange): boolean {
  const { finish } = exchange
  exchange[stopAtSignature] = true
  try {
    // As for a host that is not verified yet: ssh2 would answer with NEWKEYS otherwise.
    finish.call(exchange, true)
    return false
  } catch (error) {
    if (error !== signatureHeld) throw error
  } finally {
    exchange[stopAtSignature] = false
  }
  const { finish: complete } = exchange
  // What it holds is let go as soon as it is used.
  const last: Finish = (hostUnverified) => {
    exchange[currentFinish] = undefined
    return complete(hostUnverified)
  }
  exchange.finish = (hostUnverified) => {
    if (hostUnverified !== true) return last(hostUnverified)
    exchange.finish = last
    return complete(hostUnverified)
  }
  return true
}

/** On the prototype, for the same reason as above; `finish` is set on few exchanges, and then seldom. */
function makeStoppable(exchange: KeyExchange): void {
  let holder: object = exchange
  while (!Object.hasOwn(holder, 'finish')) holder = Object.getPrototypeOf(holder) as object
  const { value: original } = Object.getOwnPropertyDescriptor(holder, 'finish') as { readonly value?: Finish }
  if (original === undefined) return
  Object.defineProperty(holder, 'finish', {
    configurable: true,
    get(this: StoppableExchange) {
      return this[currentFinish] ?? original
    },
    set(this: StoppableExchange, next: Finish) {
      this[currentFinish] = next
      if (this[stopAtSignature] === true) throw signatureHeld
    },
  })
}
