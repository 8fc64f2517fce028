import { connect, type Socket } from 'node:net'
import type { AuthHandlerMiddleware, Client } from 'ssh2'
import type { LinkEnd } from '../fleet/link.js'
import { linkEnd } from '../fleet/refusals/link-ends.js'
import { onAbort } from '../lib/on-abort.js'
import { strangerText } from '../lib/stranger-text.js'
import { swappable } from '../lib/swappable.js'
import { sshListenerOptions } from '../net/listener-options.js'
import { SSH_SOFTWARE } from '../ssh/algorithms.js'
import { hostCertificateAlgorithmsFor } from '../ssh/certificate-algorithms.js'
import type { Keepalive } from '../ssh/keepalive.js'
import { nothingInCommonInWords } from '../ssh/nothing-in-common.js'
import { connectClient } from '../ssh/ssh2/certificates.js'
import { closeOnceFailed, probe } from '../ssh/ssh2/connections.js'
import { boundUnreadAnswers, nameWork } from '../ssh/ssh2/flow-control.js'
import { ssh2 } from '../ssh/ssh2/load.js'
import { forgetKeyExchange, forgetLogin } from '../ssh/ssh2/memory.js'
import { watchOffer } from '../ssh/first-bytes.js'
import { watchNegotiation } from '../ssh/ssh2/negotiation.js'
import { answerAfterExit } from '../ssh/ssh2/session-requests.js'
import { judgeNodeKey } from './judge-node.js'
import { nodePrincipal } from './node-id.js'
import type { NodeIdentity } from './node-identity.js'
import { peerAlgorithms } from './peer-algorithms.js'
import type { PeerLimits } from './peer-limits.js'
import { type PeerRefusal, peerRefusal } from './peer-refusals.js'

/** A connection to a node that this one has dialled, and that has let it in. */
export interface DialledPeer {
  readonly node: string
  readonly client: Client
  /** When the certificate ends that it has presented. */
  readonly until: Date | undefined
  /** Why it ended, once it did: what sessions on it are told. */
  readonly over: () => LinkEnd | undefined
  readonly ended: Promise<PeerRefusal>
  /** Ends it at once, with all on it. */
  readonly end: (why: PeerRefusal) => void
}

export type PeerDial =
  | { readonly ok: true; readonly peer: DialledPeer }
  | { readonly ok: false; readonly refusal: PeerRefusal }

export interface DialOptions {
  readonly node: string
  /** `address:port`, as `cluster.advertise` of the node has it. */
  readonly address: string
  readonly identity: NodeIdentity
  readonly limits: PeerLimits
  readonly keepalive: Keepalive
  /** Aborted where the connection is not wanted any more. */
  readonly signal: AbortSignal
}

/** Dials a node, has it prove which one it is, and logs in to it. */
export async function dialPeer(options: DialOptions): Promise<PeerDial> {
  const { address, limits, signal } = options
  const to = parseAddress(address)
  if (to === undefined) return { ok: false, refusal: peerRefusal('no-address', address) }
  const socket = connect({ ...to, ...sshListenerOptions })
  const failure = await connected(socket, limits.connectTimeout, signal)
  if (failure === undefined) return logIn(socket, options)
  socket.destroy()
  return { ok: false, refusal: peerRefusal('unreachable', address, failure) }
}

/** `10.0.0.1:4350`, `[2001:db8::1]:4350` or `node-a.example:4350`. */
function parseAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined
}

/** Why a socket is not connected; undefined once it is. */
function connected(socket: Socket, timeout: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const settle = (failure?: string): void => {
      clearTimeout(timer)
      stopListening()
      resolve(failure)
    }
    let stopListening = (): void => undefined
    const timer = setTimeout(() => settle(`no answer within ${timeout / 1000} s`), timeout)
    socket.once('connect', () => settle())
    // Of more than one address Node tells of each in an error without words of its own.
    socket.on('error', (error: NodeJS.ErrnoException) => settle(strangerText(error.message || (error.code ?? 'error'))))
    stopListening = onAbort(signal, () => settle('it is not wanted any more'))
  })
}

/** Longer than most functions, because it is one path: from a socket to a node that is known, or why it is not. */
function logIn(socket: Socket, { node, identity, limits, keepalive, signal }: DialOptions): Promise<PeerDial> {
  const client = new ssh2.Client()
  let presented: Buffer | undefined
  let until: Date | undefined
  let refusal: PeerRefusal | undefined
  let failure: (Error & { code?: unknown }) | undefined

  const verify = (key: Buffer): boolean => {
    const verdict = judgeNodeKey(key, {
      role: 'host',
      cas: identity.cas,
      now: new Date(),
      self: identity.node,
      expected: node,
    })
    if (!verdict.ok) {
      refusal ??= verdict.refusal
      return false
    }
    presented = Buffer.from(key)
    until = verdict.until
    return true
  }
  const hostVerifier = swappable(verify)
  const username = nodePrincipal(identity.node)
  let hasKeyGone = false
  const authHandler: AuthHandlerMiddleware = (_methods, _partial, next) => {
    // ssh2 takes `false` for the end of what there is; its types know it in the answer to an array alone.
    if (hasKeyGone) return next(false as never)
    hasKeyGone = true
    next({ type: 'publickey', username, key: identity.loginKey })
  }

  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      refusal ??= peerRefusal('handshake-timeout', limits.loginTimeout / 1000)
      socket.destroy()
    }, limits.loginTimeout)
    let stopListening = (): void => undefined
    const settled = (): void => {
      clearTimeout(timer)
      stopListening()
    }
    const fail = (error: Error & { code?: unknown }): void => {
      failure ??= error
    }
    const refuse = (): void => {
      settled()
      socket.destroy()
      resolve({
        ok: false,
        refusal: refusal ?? whyNot(failure, presented !== undefined, negotiation.nothingInCommon()),
      })
    }
    const ready = (): void => {
      settled()
      const key = presented
      client.off('close', refuse)
      client.off('error', fail)
      if (key === undefined) return void socket.destroy()
      // In a key re-exchange it has to prove the same key, and ssh2 wants the answer at once.
      hostVerifier.replace((shown) => key.equals(shown))
      resolve({ ok: true, peer: dialledPeer(client, { node, until, socket, limits, keepalive }) })
    }
    client.on('error', fail)
    client.on('close', refuse)
    client.on('ready', ready)
    const offered = watchOffer(socket)
    connectClient(client, {
      sock: socket,
      username,
      authHandler,
      readyTimeout: 0,
      ident: SSH_SOFTWARE,
      algorithms: { ...peerAlgorithms('client'), serverHostKey: hostCertificateAlgorithmsFor(['ssh-ed25519']) },
      hostVerifier: hostVerifier.call,
    })
    const negotiation = watchNegotiation(client, offered)
    client.setMaxListeners(0)
    boundUnreadAnswers(client)
    answerAfterExit(client)
    closeOnceFailed(client)
    stopListening = onAbort(signal, () => void socket.destroy())
  })
}

function whyNot(
  failure: (Error & { code?: unknown }) | undefined,
  isKnown: boolean,
  nothing: Parameters<typeof nothingInCommonInWords>[0] | undefined,
): PeerRefusal {
  if (nothing !== undefined) return peerRefusal('no-common-algorithm', nothingInCommonInWords(nothing, 'it'))
  // A node says why it refuses another one as it ends the connection (RFC 4253 §11.1).
  if (isKnown && typeof failure?.code === 'number')
    return peerRefusal('turned-away', strangerText(failure.message.replace(/^homeport: /, '')))
  return peerRefusal('handshake-failed', failure === undefined ? 'it was closed' : strangerText(failure.message))
}

interface Proven {
  readonly node: string
  readonly until: Date | undefined
  readonly socket: Socket
  readonly limits: PeerLimits
  readonly keepalive: Keepalive
}

function dialledPeer(client: Client, { node, until, socket, limits, keepalive }: Proven): DialledPeer {
  let why: PeerRefusal | undefined
  let over: LinkEnd | undefined
  let lastError: Error | undefined
  nameWork(client, { kind: 'peer', source: node })
  forgetLogin(client)
  forgetKeyExchange(client)
  // ssh2 reports the end of a key exchange before it has finished its own part of it.
  client.on('handshake', () => setImmediate(forgetKeyExchange, client))
  client.on('error', (error: Error) => {
    lastError ??= error
  })
  const stopProbes = keepalive.watch(
    {
      socket,
      probe: () => probe(client),
      silent: () => {
        why ??= peerRefusal('silent')
        socket.destroy()
      },
    },
    { interval: limits.probeInterval, countMax: limits.probeCountMax, maxReplyWait: 0 },
  )
  const ended = new Promise<PeerRefusal>((resolve) => {
    client.once('close', () => {
      stopProbes()
      why ??= peerRefusal('lost', lastError && strangerText(lastError.message.replace(/^homeport: /, '')))
      over = linkEnd('node-lost', node, why.message)
      resolve(why)
    })
  })
  return {
    node,
    client,
    until,
    over: () => over,
    ended,
    end: (reason) => {
      why ??= reason
      client.end()
      socket.destroy()
    },
  }
}
