import { createServer, type Server, type Socket } from 'node:net'
import type { AuthContext, Connection, Server as SshServer } from 'ssh2'
import { createNewestSet } from '../lib/newest-set.js'
import { createRateLimit } from '../lib/rate-limit.js'
import { strangerText } from '../lib/stranger-text.js'
import { sshListenerOptions } from '../net/listener-options.js'
import { sourceOf } from '../net/source.js'
import { networkOf } from '../net/source-network.js'
import { createAdmission } from '../ssh/admission.js'
import { SSH_SOFTWARE } from '../ssh/algorithms.js'
import { watchFirstBytes } from '../ssh/first-bytes.js'
import { nothingInCommonInWords } from '../ssh/nothing-in-common.js'
import { acceptClient } from '../ssh/ssh2/certificates.js'
import { closeOnceFailed, sayGoodbye, socketOf } from '../ssh/ssh2/connections.js'
import { boundUnreadAnswers, nameWork } from '../ssh/ssh2/flow-control.js'
import { acceptKeyQuery } from '../ssh/ssh2/key-query.js'
import { ssh2 } from '../ssh/ssh2/load.js'
import { nothingInCommonOf, type OfferedLists, readOffer } from '../ssh/offer.js'
import { offeredAlgorithm, offeredCertificate, signatureHolds } from '../ssh/verify-signature.js'
import type { Log } from '../telemetry/log.js'
import { judgeNode } from './judge-node.js'
import { nodePrincipal } from './node-id.js'
import type { NodeIdentity } from './node-identity.js'
import { PEER_LOGINS, PEER_OFFER, peerAlgorithms } from './peer-algorithms.js'
import type { PeerLimits } from './peer-limits.js'
import { createPeerNewcomer, type PeerNewcomer } from './peer-newcomer.js'
import { type PeerRefusal, peerRefusal } from './peer-refusals.js'

/** A connection on which a node has proven which one it is. */
export interface AcceptedPeer {
  readonly connection: Connection
  readonly node: string
  readonly source: string
  /** When its certificate ends. */
  readonly until: Date | undefined
  /** Ends the connection, and tells the peer why where it is to be told. */
  readonly end: (refusal: PeerRefusal) => void
}

export interface PeerServerOptions {
  /** What this node is known by now. */
  readonly identity: () => NodeIdentity
  readonly limits: PeerLimits
  readonly log: Log
  readonly accepted: (peer: AcceptedPeer) => void
}

export interface PeerServer {
  /** The caller makes it listen on `cluster.listen`. */
  readonly server: Server
  readonly connections: () => number
  /** Takes no further connection, and closes those that there are. */
  readonly close: () => void
}

/** `SSH_DISCONNECT_HOST_NOT_ALLOWED_TO_CONNECT` (RFC 4253 §11.1): ssh2 tells a client of its words. */
const NOT_ALLOWED = 1

/** Milliseconds that a node gets to read why it is refused. */
const FAREWELL = 1_000

/** Requests to log in on one connection: a node asks once whether its key would do, and then signs. */
const MAX_ATTEMPTS = 4

const MAX_FAMILIAR = 1_000

const REFUSAL_LINES = { each: 5, all: 20, interval: 10_000 }

/**
 * The server that nodes dial. It serves nobody else: a stranger without a certificate of the cluster's CA gets no
 * further than key exchange, and those who try are bounded as on the other ports.
 */
export function createPeerServer({ identity, limits, log, accepted }: PeerServerOptions): PeerServer {
  const { maxUnauthenticated, maxConcurrentHandshakes, loginTimeout, maxConnections } = limits
  const admission = createAdmission({
    maxConcurrentHandshakes,
    maxHandshakes: maxUnauthenticated,
    maxQueuedHandshakes: maxUnauthenticated,
    queueTimeout: loginTimeout,
  })
  const newcomers = new Map<Socket, PeerNewcomer>()
  /** From where nodes have logged in: strangers leave them room. */
  const familiar = createNewestSet({ max: () => MAX_FAMILIAR })
  const sockets = new Set<Socket>()
  const mayTell = createRateLimit(REFUSAL_LINES)
  const refused = new WeakSet<Socket>()

  /** Of a connection only the first refusal is told: what follows comes of it. */
  const note = (socket: Socket, { reason, message, hint }: PeerRefusal): void => {
    if (refused.has(socket)) return
    refused.add(socket)
    const notLogged = mayTell(reason, networkOf(socket.remoteAddress ?? ''))
    if (notLogged === undefined) return
    const fields = { source: sourceOf(socket), reason, hint, ...(notLogged === 0 ? {} : { notLogged }) }
    log.warn(fields, `peer refused: ${message}`)
  }
  const refuse = (connection: Connection, refusal: PeerRefusal): void => {
    const socket = socketOf(connection)
    note(socket, refusal)
    sayGoodbye(connection, NOT_ALLOWED, `${refusal.message}; ${refusal.hint}`)
    setTimeout(() => socket.destroy(), FAREWELL).unref()
  }
  const turnAway = (socket: Socket, refusal: PeerRefusal): void => {
    note(socket, refusal)
    socket.destroy()
  }

  const greet = (connection: Connection): void => {
    const socket = socketOf(connection)
    const newcomer = newcomers.get(socket)
    acceptClient(connection, { accepted: PEER_LOGINS })
    boundUnreadAnswers(connection)
    connection.setMaxListeners(0)
    connection.on('error', (error: Error) => log.debug({ err: error }, 'connection of a peer failed'))
    closeOnceFailed(connection)
    // It hung up before its identification was read.
    if (newcomer === undefined) return void connection.end()
    newcomer.govern(connection)
    let over = false
    let attempts = 0
    connection.on('authentication', (context) => {
      const verdict = over ? 'over' : judgeLogin(context, identity())
      if (verdict === 'over') return context.reject()
      attempts += 1
      if (verdict === 'answered' && attempts < MAX_ATTEMPTS) return
      over = true
      if (verdict === 'answered') return refuse(connection, peerRefusal('not-certified', 'nothing that it signs'))
      // Without an answer to its login: the end of the connection says more.
      if (!verdict.ok) return refuse(connection, verdict.refusal)
      context.accept()
      newcomers.delete(socket)
      newcomer.isIn()
      familiar.add(networkOf(socket.remoteAddress ?? ''))
      const source = sourceOf(socket)
      nameWork(connection, { kind: 'peer', source })
      const { node, until } = verdict
      accepted({ connection, node, source, until, end: (refusal) => refuse(connection, refusal) })
    })
  }

  /** Some hang up as soon as they have seen what is offered here, before what they offer was worked on. */
  const noteNothingInCommon = (socket: Socket): void => {
    let theirs: OfferedLists | undefined
    watchFirstBytes(socket, (bytes) => {
      theirs = readOffer(bytes)
      return theirs !== undefined
    })
    socket.once('close', () => {
      const nothing = theirs === undefined ? undefined : nothingInCommonOf(PEER_OFFER, theirs, 'server')
      if (nothing !== undefined) note(socket, peerRefusal('no-common-algorithm', nothingInCommonInWords(nothing, 'it')))
    })
  }

  const take = (socket: Socket): void => {
    socket.on('error', () => undefined)
    if (sockets.size >= maxConnections) return turnAway(socket, peerRefusal('too-many-connections', maxConnections))
    const network = networkOf(socket.remoteAddress ?? '')
    const entry = admission.enter(network, familiar.has(network), () => turnAway(socket, peerRefusal('gave-way')))
    if (!entry.ok) return turnAway(socket, peerRefusal(entry.cause))
    sockets.add(socket)
    const tooLate = (): void => turnAway(socket, peerRefusal('login-timeout', loginTimeout / 1000))
    newcomers.set(
      socket,
      createPeerNewcomer(socket, entry.call, {
        timeout: loginTimeout,
        rank: familiar.has(network) ? 'familiar' : 'stranger',
        onTimeout: tooLate,
      }),
    )
    noteNothingInCommon(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      newcomers.delete(socket)
    })
    serverOf(identity(), greet).injectSocket(socket)
  }

  const server = createServer(sshListenerOptions, take)
  return {
    server,
    connections: () => sockets.size,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** One for each identity that there was, which is garbage with it. None listens; they are given sockets. */
const servers = new WeakMap<NodeIdentity, WeakMap<(connection: Connection) => void, SshServer>>()

function serverOf(identity: NodeIdentity, greet: (connection: Connection) => void): SshServer {
  const ofIdentity = servers.get(identity) ?? new WeakMap<typeof greet, SshServer>()
  servers.set(identity, ofIdentity)
  const known = ofIdentity.get(greet)
  if (known !== undefined) return known
  const { hostKeys } = identity
  const made = new ssh2.Server({ ident: SSH_SOFTWARE, hostKeys, algorithms: peerAlgorithms('server') })
  made.on('connection', greet)
  ofIdentity.set(greet, made)
  return made
}

type LoginVerdict =
  | { readonly ok: true; readonly node: string; readonly until: Date | undefined }
  | { readonly ok: false; readonly refusal: PeerRefusal }
  /** It asked what would do, and was told. */
  | 'answered'

function judgeLogin(context: AuthContext, { node: self, cas }: NodeIdentity): LoginVerdict {
  // Every client may ask for the methods first (RFC 4252 §5.2).
  if (context.method === 'none') {
    context.reject(['publickey'])
    return 'answered'
  }
  const no = (refusal: PeerRefusal): LoginVerdict => ({ ok: false, refusal })
  if (context.method !== 'publickey') return no(peerRefusal('not-certified', `a login by ${context.method}`))
  const offered = offeredCertificate(context.key)
  if (offered === undefined)
    return no(peerRefusal('not-certified', `a plain key, ${strangerText(context.key.algo, 100)}`))
  if (!offered.ok)
    return no(peerRefusal('malformed-certificate', `its certificate: ${offered.failure.message}`, offered.failure.hint))
  const verdict = judgeNode(offered.certificate, { role: 'user', cas, now: new Date(), self })
  if (!verdict.ok) return verdict
  if (context.username !== nodePrincipal(verdict.node))
    return no(
      peerRefusal(
        'wrong-principal',
        `it says that it is ${JSON.stringify(strangerText(context.username, 100))}, ` +
          `and its certificate is for node ${verdict.node}`,
        'give it the certificate for its cluster.node',
      ),
    )
  const algorithm = offeredAlgorithm(context)
  if (context.signature === undefined) {
    acceptKeyQuery(context, algorithm)
    return 'answered'
  }
  return signatureHolds(context) ? verdict : no(peerRefusal('bad-signature'))
}
