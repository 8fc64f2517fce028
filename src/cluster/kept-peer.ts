import { inBackground } from '../lib/background.js'
import { onAbort } from '../lib/on-abort.js'
import type { Log } from '../telemetry/log.js'
import { openControl } from './control-channel.js'
import { type DialledPeer, dialPeer, type DialOptions } from './dial-peer.js'
import type { LineQueue, LineQueueOptions } from './line-queue.js'
import type { NodeIdentity } from './node-identity.js'
import type { NodeLife } from './peer-messages.js'
import { type PeerRefusal, peerRefusal } from './peer-refusals.js'
import type { PeerNode, RemoteOpening, RemoteSession } from './peers.js'
import { openRemoteSession } from './remote-session.js'

export interface KeptPeerOptions extends Pick<DialOptions, 'limits' | 'keepalive'> {
  readonly self: NodeLife
  readonly peer: PeerNode
  readonly identity: () => NodeIdentity
  readonly beginning: LineQueueOptions['beginning']
  readonly log: Log
}

/** Sessions that wait until the peer is reached; more are told at once that it is not. */
const MAX_WAITING = 1_000

/** A connection with the sessions that are open on it, or wait for an answer. */
interface Reached {
  readonly connection: DialledPeer
  readonly lines: LineQueue
  sessions: number
}

/**
 * The connection to one peer. It is dialled again whenever it is gone, after a pause that is drawn by lot and grows up
 * to a limit, so that a node that comes back is not dialled by all others in the same moment.
 */
export class KeptPeer {
  readonly #options: Omit<KeptPeerOptions, 'peer'>
  #peer: PeerNode
  readonly #stop = new AbortController()
  /** What new sessions are opened on. */
  #current: Reached | undefined
  /** Connections whose place another one has taken, until their last sessions have ended. */
  readonly #retired = new Set<Reached>()
  readonly #waiting = new Set<() => void>()
  #failures = 0
  #lastRefusal: PeerRefusal | undefined
  #timer: NodeJS.Timeout | undefined
  #dialling = false

  constructor({ peer, ...options }: KeptPeerOptions) {
    this.#peer = peer
    this.#options = options
    this.#dial()
  }

  get isReached(): boolean {
    return this.#current !== undefined
  }

  /** Sessions at the peer. */
  get sessions(): number {
    return [...this.#retired, ...(this.#current === undefined ? [] : [this.#current])].reduce(
      (sum, { sessions }) => sum + sessions,
      0,
    )
  }

  say(line: string): void {
    this.#current?.lines.say(line)
  }

  async openSession(wanted: RemoteSession, signal: AbortSignal | undefined): Promise<RemoteOpening> {
    const reached = this.#current ?? (await this.#whenReached(signal))
    if (reached === undefined) return { ok: false, cause: 'unreachable', message: this.#whyNot() }
    reached.sessions += 1
    const over = (): void => this.#leave(reached)
    const opening = await openRemoteSession(reached.connection, wanted, signal)
    if (opening.ok) inBackground('session', opening.channel.closed.then(over))
    else over()
    return opening
  }

  /** Dials anew where the node has another life or another address. */
  moveTo(peer: PeerNode): void {
    const before = this.#peer
    this.#peer = peer
    if (before.incarnation !== peer.incarnation || before.address !== peer.address) this.renew()
  }

  /** Dials anew, by what this node is known by now; sessions on the connection that there was go on until they end. */
  renew(): void {
    this.#retire()
    clearTimeout(this.#timer)
    this.#failures = 0
    this.#dial()
  }

  close(why: PeerRefusal): void {
    this.#stop.abort()
    clearTimeout(this.#timer)
    for (const { connection } of this.#retired) connection.end(why)
    this.#current?.connection.end(why)
    this.#current = undefined
    this.#wake()
  }

  #dial(): void {
    if (this.#dialling || this.#stop.signal.aborted) return
    this.#dialling = true
    const { identity, limits, keepalive } = this.#options
    const { node, address } = this.#peer
    const by = identity()
    const dialled = dialPeer({ node, address, identity: by, limits, keepalive, signal: this.#stop.signal })
    inBackground(
      'cluster',
      dialled.then((dial) => {
        this.#dialling = false
        if (this.#stop.signal.aborted) {
          if (dial.ok) dial.peer.end(peerRefusal('stopping'))
          return
        }
        if (!dial.ok) return this.#notReached(dial.refusal)
        this.#reach(dial.peer)
        // What it was dialled by, or for, is another one by now.
        if (identity() !== by || this.#peer.address !== address) this.renew()
      }),
    )
  }

  #reach(connection: DialledPeer): void {
    const { self, beginning, log } = this.#options
    const { node, address } = this.#peer
    const lines = openControl(connection.client, self, {
      beginning,
      onDropped: (dropped) => log.warn({ node, dropped }, 'peer takes too little: what waits for it was dropped'),
    })
    const reached: Reached = { connection, lines, sessions: 0 }
    this.#current = reached
    this.#failures = 0
    this.#lastRefusal = undefined
    log.info({ node, address }, 'peer connected')
    this.#wake()
    const end = endAt(connection.until, () => connection.end(expired()))
    inBackground(
      'cluster',
      connection.ended.then((why) => {
        end()
        this.#retired.delete(reached)
        if (this.#current !== reached) return
        this.#current = undefined
        if (this.#stop.signal.aborted) return
        log.warn({ node, reason: why.reason, hint: why.hint }, `peer lost: ${why.message}`)
        this.#redial()
      }),
    )
  }

  #notReached(refusal: PeerRefusal): void {
    const { log } = this.#options
    const { node, address } = this.#peer
    const { reason, message, hint } = refusal
    // Once, until it is another one.
    if (this.#lastRefusal?.reason !== reason || this.#lastRefusal.message !== message)
      log.warn({ node, address, reason, hint }, `peer not reached: ${message}`)
    this.#lastRefusal = refusal
    this.#failures += 1
    this.#redial()
  }

  #redial(): void {
    const { redialFrom, redialTo } = this.#options.limits
    const most = Math.min(redialTo, redialFrom * 2 ** Math.min(this.#failures, 10))
    this.#timer = setTimeout(() => this.#dial(), most * (0.5 + Math.random() / 2))
    this.#timer.unref()
  }

  #retire(): void {
    const reached = this.#current
    this.#current = undefined
    if (reached === undefined) return
    this.#retired.add(reached)
    this.#endIfIdle(reached)
  }

  #leave(reached: Reached): void {
    reached.sessions -= 1
    if (this.#retired.has(reached)) this.#endIfIdle(reached)
  }

  #endIfIdle({ connection, sessions }: Reached): void {
    if (sessions === 0) connection.end(peerRefusal('renewed'))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  async #whenReached(signal: AbortSignal | undefined): Promise<Reached | undefined> {
    if (this.#waiting.size >= MAX_WAITING || this.#stop.signal.aborted) return undefined
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        clearTimeout(timer)
        stopListening()
        this.#waiting.delete(settle)
        resolve()
      }
      const timer = setTimeout(settle, this.#options.limits.reachWait)
      let stopListening = (): void => undefined
      this.#waiting.add(settle)
      stopListening = onAbort(signal, settle)
    })
    return this.#current
  }

  #whyNot(): string {
    const { node, address } = this.#peer
    return this.#lastRefusal?.message ?? `node ${node} at ${address} is not reached`
  }
}

/** The longest time that a timer of Node's waits, in milliseconds. */
const LONGEST_TIMER = 2_147_483_647

/** Does something at a moment, however far away. Returns what ends that. */
export function endAt(moment: Date | undefined, then: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const wait = (): void => {
    if (moment === undefined) return
    const left = moment.getTime() - Date.now()
    if (left <= 0) return then()
    timer = setTimeout(wait, Math.min(left, LONGEST_TIMER))
    timer.unref()
  }
  wait()
  return () => clearTimeout(timer)
}

export function expired(): PeerRefusal {
  return peerRefusal(
    'expired',
    'its certificate has ended while it was connected',
    'have the key of that node signed again; it takes the new certificate at a reload',
  )
}
