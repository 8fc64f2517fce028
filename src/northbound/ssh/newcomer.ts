import type { Socket } from 'node:net'
import type { Connection } from 'ssh2'
import { clientRefusal, type ClientRefusalReason } from '../../fleet/refusals/clients.js'
import { inBackground } from '../../lib/background.js'
import { workOn } from '../../lib/current-work.js'
import type { Rank } from '../../net/fair-queue.js'
import type { Offence } from '../../net/penalties.js'
import { bytesFromClient } from '../../net/proxy-protocol/proxied.js'
import type { Refusal } from '../../lib/refusal.js'
import { sourceOf } from '../../net/source.js'
import type { Call } from '../../ssh/admission.js'
import { watchFirstBytes } from '../../ssh/first-bytes.js'
import { algorithmsThatHelp, type NothingInCommon, nothingInCommonInWords } from '../../ssh/nothing-in-common.js'
import { governWork } from '../../ssh/ssh2/connections.js'
import type { Negotiation } from '../../ssh/ssh2/negotiation.js'
import { recogniseWrongCaller } from './wrong-caller.js'

export interface NewcomerOptions {
  /** Its place among those that have not logged in. */
  readonly call: Call
  /** Milliseconds until it must have logged in. */
  readonly loginTimeout: number
  /** Whether somebody from there has logged in before; asked when its handshake is queued. */
  readonly rank: () => Rank
  /** Tells why it is not served any further, and closes its connection. */
  readonly refuse: (refusal: Refusal<ClientRefusalReason>) => void
  /** Tells why it left by itself. */
  readonly note: (refusal: Refusal<ClientRefusalReason>) => void
  /** Told once, where it left without a login, of what it did last. */
  readonly onOffence: (offence: Offence) => void
  readonly onLogin: () => void
}

function noCommonAlgorithm(nothing: NothingInCommon): Refusal<ClientRefusalReason> {
  const help = algorithmsThatHelp(nothing)
  return clientRefusal(
    'no-common-algorithm',
    nothingInCommonInWords(nothing, 'the client'),
    help === undefined
      ? 'upgrade the client'
      : `upgrade the client; where that cannot be, let its user log in on endpoint.ssh.legacy with algorithms: ${help}`,
  )
}

/** A client's connection from when it was taken in until somebody has logged in on it, or it is gone. */
export class Newcomer {
  readonly #socket: Socket
  readonly #options: NewcomerOptions
  readonly #gone = new AbortController()
  readonly #timer: NodeJS.Timeout
  /** What it did last that an honest client does not. */
  #offence: Offence | undefined
  #isIn = false
  /** Lets what it sends be worked on at once. */
  #ungovern = (): void => undefined
  /** Settles when its handshake may begin, or never will. */
  #begun: Promise<boolean> | undefined
  #negotiation: Negotiation | undefined

  constructor(socket: Socket, options: NewcomerOptions) {
    this.#socket = socket
    this.#options = options
    this.#timer = setTimeout(() => {
      this.#offence = 'timeout'
      options.refuse(clientRefusal('login-timeout'))
    }, options.loginTimeout)
    watchFirstBytes(socket, (bytes) => {
      const caller = recogniseWrongCaller(bytes)
      if (caller === undefined) return false
      // A device dials again and again by itself, and does no harm.
      if (caller.reason !== 'device-on-client-port') this.#offence = 'garbage'
      options.refuse(caller)
      return true
    })
    socket.once('close', () => this.#left())
  }

  /** From here on what the client sends is worked on when it is its turn, until it has logged in. */
  govern(connection: Connection, negotiation: Negotiation): void {
    this.#offence ??= 'unfinished'
    connection.on('error', ({ level }: Error & { level?: string }) => {
      if (level === 'protocol') this.#offence = 'garbage'
    })
    this.#negotiation = negotiation
    connection.once('error', () => this.#noteNothingInCommon())
    const work = { kind: 'login', source: sourceOf(this.#socket) }
    this.#ungovern = governWork(connection, (piece) =>
      this.#whenBegun(() =>
        this.#options.call.work(() => {
          workOn(work)
          piece()
        }),
      ),
    )
  }

  /** An attempt to log in failed. */
  failed(): void {
    this.#offence = 'failed-login'
  }

  loggedIn(): void {
    this.#isIn = true
    clearTimeout(this.#timer)
    this.#options.onLogin()
    this.#ungovern()
    this.#options.call.leave()
  }

  /** Does a piece of work of the handshake, after those before it. The first waits until the handshake may begin. */
  #whenBegun(work: () => void): void {
    const { call, rank } = this.#options
    const give = (): void => void this.#socket.destroy()
    if (this.#begun === undefined) {
      this.#begun = call.queue(rank(), this.#gone.signal).then((outcome) => outcome === 'begun' && (work(), true))
      inBackground('handshake', this.#begun, give)
    } else
      inBackground(
        'handshake',
        this.#begun.then((mayGoOn) => mayGoOn && work()),
        give,
      )
  }

  /** Old clients hang up as soon as they have seen the bridge's lists, often before theirs were worked on. */
  #noteNothingInCommon(): void {
    const nothing = this.#isIn ? undefined : this.#negotiation?.nothingInCommon()
    if (nothing !== undefined) this.#options.note(noCommonAlgorithm(nothing))
  }

  #left(): void {
    clearTimeout(this.#timer)
    this.#noteNothingInCommon()
    this.#gone.abort()
    this.#options.call.leave()
    if (this.#offence === undefined && bytesFromClient(this.#socket) > 0) this.#offence = 'unfinished'
    if (!this.#isIn && this.#offence !== undefined) this.#options.onOffence(this.#offence)
  }
}
