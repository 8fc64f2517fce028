import type { Socket } from 'node:net'
import type { ServerHostKeyAlgorithm } from 'ssh2'
import type { Link } from '../../fleet/link.js'
import { callHomeRefusal, type CallHomeRefusal } from '../../fleet/refusals/call-home.js'
import { swappable } from '../../lib/swappable.js'
import { type AlgorithmLists, offeredAlgorithms, SSH_SOFTWARE } from '../../ssh/algorithms.js'
import { earlyGoodbye } from '../../ssh/early-goodbye.js'
import { settled } from '../../lib/settled.js'
import { watchFirstBytes, watchOffer, WORD_OF } from '../../ssh/first-bytes.js'
import { connectClient } from '../../ssh/ssh2/certificates.js'
import { governWork } from '../../ssh/ssh2/connections.js'
import { boundUnreadAnswers } from '../../ssh/ssh2/flow-control.js'
import { boundPromptRounds } from '../../ssh/ssh2/keyboard-interactive.js'
import { ssh2 } from '../../ssh/ssh2/load.js'
import { watchNegotiation } from '../../ssh/ssh2/negotiation.js'
import { answerAfterExit } from '../../ssh/ssh2/session-requests.js'
import { type Failure, handshakeTooLong, refusalOf, spokeAsClient, type Trusted } from './handshake-refusal.js'
import { createHostKeyJudgement, type HostKeyJudgementOptions } from './host-key-judgement.js'
import { type Login, type LoginError, loginWith } from './login.js'
import { createSshLink, type SshLinkOptions } from './ssh-link.js'

export interface SshHandshakeOptions extends HostKeyJudgementOptions, SshLinkOptions {
  /** The host key algorithms that the bridge offers in key exchange, such as `ssh-ed25519`; never empty. */
  readonly hostKeyAlgorithms: ServerHostKeyAlgorithm[]
  /** The other algorithms that it offers; the usual ones when not given. */
  readonly algorithms?: AlgorithmLists | undefined
  /** Makes ready what is bound to a proven device (RFC 8071 §3.1 C7), or rejects. */
  readonly login: (verdict: Trusted) => Promise<Login>
  /** The name of the credentials that were made ready. */
  readonly account?: () => string | undefined
  /** Whether that is what is bound to it now. */
  readonly loginStands?: (verdict: Trusted) => boolean
  /** Runs a piece of the handshake's work when this connection has its turn on the event loop. */
  readonly work: (piece: () => void) => void
  /** Milliseconds for key exchange and login together. */
  readonly handshakeTimeout: number
}

export type SshProof =
  | {
      readonly ok: true
      readonly verdict: Trusted
      readonly key: Buffer
      /** Ends key exchange and logs in. */
      readonly logIn: () => Promise<SshLinkOpening>
    }
  | SshRefused

export type SshLinkOpening =
  | { readonly ok: true; readonly link: Link; readonly verdict: Trusted; readonly key: Buffer }
  | SshRefused

export interface SshRefused {
  readonly ok: false
  readonly refusal: CallHomeRefusal
  readonly key?: Buffer
}

/**
 * Runs SSH as the client on a call-home connection (RFC 8071 §3.1 C3): key exchange and judgement of the host key, then
 * the login. The bridge sends credentials only after it has judged the host key to be the device's. Key exchange stays
 * open while a device is pending, and until the caller asks for the login.
 */
export function proveHostKey(socket: Socket, options: SshHandshakeOptions): Promise<SshProof> {
  const { work, handshakeTimeout } = options
  const client = new ssh2.Client()
  const gone = new AbortController()
  const judgement = createHostKeyJudgement(options)
  const proof = settled<SshProof>()
  const opening = settled<SshLinkOpening>()
  let failure: Failure | undefined
  let over = false

  const stopListening = (): void => {
    over = true
    course.end()
    clearTimeout(timer)
    client.off('close', refuse)
    client.off('ready', onReady)
    client.off('change password', course.passwordChangeWanted)
    socket.off('close', onGone)
  }
  const refuse = (): void => {
    if (over) return
    const key = judgement.presented()
    const refusal = refusalOf({
      judged: judgement.last(),
      failure,
      handshakeTimeout,
      login: course.told(),
      nothingInCommon: negotiation.nothingInCommon(),
    })
    stopListening()
    gone.abort()
    client.off('error', fail).on('error', () => undefined)
    socket.destroy()
    const refused: SshRefused = { ok: false, refusal, ...(key === undefined ? {} : { key }) }
    proof.settle(refused)
    opening.settle(refused)
  }
  /**
   * ssh2 then ends the connection politely, which a peer that goes on talking never notices; of one that closed it
   * tells by `close` alone.
   */
  const fail = (error: Error): void => {
    failure ??= error
    refuse()
  }
  const onReady = (): void => {
    const key = judgement.presented()
    const verdict = judgement.stillProven()
    if (key === undefined || verdict === undefined) return refuse()
    stopListening()
    client.off('error', fail)
    workFreely()
    // ssh2 keeps both functions as long as the connection. They would keep the whole handshake in memory.
    hostVerifier.replace(onlyThis(key))
    authHandler.replace(noFurtherLogin)
    const [loggedInBy, account] = [course.taken(), options.account?.()]
    const proven = { socket, verdict, key, loggedInBy, account, algorithms: negotiation.result() }
    opening.settle({ ok: true, link: createSshLink(client, proven, options), verdict, key })
  }
  const onGone = (): void => gone.abort()
  const startTimer = (): NodeJS.Timeout => setTimeout(() => fail(handshakeTooLong()), handshakeTimeout)
  let timer = startTimer()
  const paused = async <T>(wait: () => Promise<T>): Promise<T> => {
    clearTimeout(timer)
    const result = await wait()
    if (!over) timer = startTimer()
    return result
  }

  const course = loginWith({
    prepare: () => {
      const verdict = judgement.stillProven()
      return verdict === undefined
        ? Promise.reject(new Error('it is not proven'))
        : options.login(verdict).then((login) => inTurn(work, login))
    },
    objection: () => {
      const verdict = judgement.stillProven()
      if (verdict === undefined) return new Error('it is not proven any more')
      return options.loginStands?.(verdict) === false ? credentialsChanged() : undefined
    },
    onFailure: fail,
  })

  /** A boolean is an answer to ssh2; undefined says that it comes later, which only the first key exchange may. */
  const verify = (key: Buffer, answer: (trusted: boolean) => void): boolean | undefined => {
    const presented = judgement.presented()
    if (presented !== undefined) return presented.equals(key)
    judgement
      .judge(key, gone.signal, paused)
      .then((verdict) => {
        const proven = judgement.presented()
        if (verdict === undefined || proven === undefined || over) return
        if (!verdict.trusted) return answer(false)
        const logIn = (): Promise<SshLinkOpening> => {
          if (!over) answer(true)
          return opening.promise
        }
        proof.settle({ ok: true, verdict, key: proven, logIn })
      })
      .catch(fail)
    return undefined
  }
  /** Who dialled the wrong port reads so: most clients show no more of it than this. */
  const dismissClient = (bytes: Buffer): boolean => {
    if (!bytes.includes(WORD_OF.client)) return false
    failure ??= spokeAsClient()
    socket.write(earlyGoodbye(callHomeRefusal('ssh-client').toPeer))
    setTimeout(refuse, FAREWELL).unref()
    return true
  }
  const authHandler = swappable(course.handler)
  const hostVerifier = swappable(verify)

  client.on('error', fail)
  client.on('change password', course.passwordChangeWanted)
  client.on('close', refuse)
  client.on('ready', onReady)
  socket.once('close', onGone)
  watchFirstBytes(socket, dismissClient)
  const offered = watchOffer(socket)
  connectClient(client, {
    sock: socket,
    username: '',
    authHandler: authHandler.call,
    readyTimeout: 0,
    ident: SSH_SOFTWARE,
    algorithms: { ...offeredAlgorithms('client', options.algorithms), serverHostKey: options.hostKeyAlgorithms },
    hostVerifier: hostVerifier.call,
  })
  const negotiation = watchNegotiation(client, offered)
  const workFreely = governWork(client, work)
  boundUnreadAnswers(client)
  boundPromptRounds(client)
  answerAfterExit(client)
  return proof.promise
}

/** To sign is work, too. */
function inTurn(work: SshHandshakeOptions['work'], login: Login): Promise<Login> {
  return new Promise((resolve) => work(() => resolve(login)))
}

function credentialsChanged(): LoginError {
  return Object.assign(new Error('the credentials bound to it changed meanwhile'), {
    hint: 'nothing is to be done: the device dials again by itself, and the new ones are used',
  })
}

/** Milliseconds that an SSH client gets to read that this is not its port. */
const FAREWELL = 500

/** In a key re-exchange the device has to prove the same key, and ssh2 wants the answer at once. */
const onlyThis = (key: Buffer) => (shown: Buffer) => key.equals(shown)

const noFurtherLogin = (): void => undefined
