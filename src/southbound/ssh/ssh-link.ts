import type { Socket } from 'node:net'
import type { Client, ServerHostKeyAlgorithm } from 'ssh2'
import type { Link, LinkCapacity, LinkEnd } from '../../fleet/link.js'
import { callHomeRefusal, type CallHomeRefusal } from '../../fleet/refusals/call-home.js'
import { linkEnd } from '../../fleet/refusals/link-ends.js'
import type { PendingOutcome } from '../../fleet/enrolment/enrolment-service.js'
import { offeredAlgorithms, SSH_SOFTWARE } from '../../ssh/algorithms.js'
import { HOST_KEY_SIGNATURE } from '../../ssh/ssh2/key-exchange.js'
import type { Keepalive, KeepaliveTimes, Watched } from '../../ssh/keepalive.js'
import { connectClient } from '../../ssh/ssh2/certificates.js'
import { packBytes } from '../../lib/packed-buffer.js'
import { boundUnreadAnswers, nameWork } from '../../ssh/ssh2/flow-control.js'
import { closeOnceFailed, governWork, probe, remoteSoftwareOf } from '../../ssh/ssh2/connections.js'
import { boundPromptRounds } from '../../ssh/ssh2/keyboard-interactive.js'
import { forgetKeyExchange, forgetLogin } from '../../ssh/ssh2/memory.js'
import { answerAfterExit } from '../../ssh/ssh2/session-requests.js'
import type { Verdict } from '../../trust/ssh/judge-host-key.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import { type ChannelLimits, createDeviceChannels, someoneWaits } from './device-channels.js'
import { type Login, type LoginProblem, loginWith } from './login.js'
import { swappable } from '../../lib/swappable.js'
import { ssh2 } from '../../ssh/ssh2/load.js'
import { strangerText } from '../../lib/stranger-text.js'

export interface SshLinkOptions {
  readonly source: string
  /** What key exchange asks the device to prove; never empty. */
  readonly hostKeyAlgorithms: ServerHostKeyAlgorithm[]
  /** Does what makes judging a proven key take long, in turns of the event loop; undefined where there is nothing to do. */
  readonly beforeJudging?: (key: Buffer) => Promise<void> | undefined
  /** Judges a host key that key exchange has proven: its signature held. Asked again when the configuration changes, so the link keeps it. */
  readonly judge: (key: Buffer) => Verdict
  /**
   * Settles when an operator has decided on a pending device, or when it has waited long enough; judged anew then.
   * Nothing has been sent to the device meanwhile that it could learn anything from.
   */
  readonly decision: (pending: CallHomeRefusal, key: Buffer, connectionGone: AbortSignal) => Promise<PendingOutcome>
  /** Makes ready what is bound to a proven device (RFC 8071 §3.1 C7), or rejects. */
  readonly login: (verdict: Trusted) => Promise<Login>
  /** Whether that is what is bound to it now. */
  readonly loginStands?: (verdict: Trusted) => boolean
  /** Does a piece of the handshake's work when it is its turn. */
  readonly work: (piece: () => void) => void
  /** Milliseconds for key exchange and login together. */
  readonly handshakeTimeout: number
  /** Asks whether the device is there. */
  readonly keepalive: Keepalive
  readonly keepaliveTimes: KeepaliveTimes
  readonly channels: ChannelLimits
}

export type SshLinkOpening =
  | { readonly ok: true; readonly link: Link; readonly verdict: Trusted; readonly key: Buffer }
  | { readonly ok: false; readonly refusal: CallHomeRefusal; readonly key?: Buffer }

type Trusted = Extract<Verdict, { trusted: true }>

/** A verdict on the host key, or what became of the connection after it. */
type Standing = Trusted | (CallHomeRefusal & { readonly trusted: false })

/**
 * Runs SSH as the client on a call-home connection (RFC 8071 §3.1 C3): key exchange, judgement of the host key, login.
 * No credentials are sent before the host key was judged to be the device's. A pending device is held in key exchange.
 */
export function openSshLink(socket: Socket, options: SshLinkOptions): Promise<SshLinkOpening> {
  return new Promise((resolve) => {
    const client = new ssh2.Client()
    let gone: AbortController | undefined = new AbortController()
    let verdict: Standing | undefined
    let presented: Buffer | undefined
    let failure: Failure | undefined

    const settle = (opening: SshLinkOpening): void => {
      course.end()
      clearTimeout(timer)
      client.off('close', onClose)
      client.off('ready', onReady)
      socket.off('close', onGone)
      if (!opening.ok) {
        gone?.abort()
        client.off('error', onError).on('error', () => undefined)
        socket.destroy()
      }
      gone = undefined
      timer = undefined
      resolve(opening)
    }
    /** ssh2 then ends the connection politely, which a peer that goes on talking never notices; of one that closed it tells by `close` alone. */
    const onError = (error: Error & { level?: string }): void => fail(error)
    const onClose = (): void =>
      settle({
        ok: false,
        refusal: refusalOf(verdict, failure, { handshakeTimeout: options.handshakeTimeout, login: course.told() }),
        ...(presented === undefined ? {} : { key: presented }),
      })
    const onReady = (): void => {
      if (presented === undefined || !stillProven() || verdict?.trusted !== true) return onClose()
      client.off('error', onError)
      workFreely()
      // ssh2 keeps both for as long as the connection, and with them all that this handshake was about.
      hostVerifier.replace(onlyThis(presented))
      authHandler.replace(noFurtherLogin)
      settle({
        ok: true,
        link: createLink(client, socket, verdict.deviceId, presented, options),
        verdict,
        key: presented,
      })
    }
    const fail = (error: Error): void => {
      failure ??= error
      onClose()
    }
    const onTimeout = (): void => {
      failure = Object.assign(new Error('timeout'), { level: 'client-timeout' })
      onClose()
    }
    const onGone = (): void => gone?.abort()
    let timer: NodeJS.Timeout | undefined = setTimeout(onTimeout, options.handshakeTimeout)

    /** True or false is an answer to ssh2; undefined says that it comes later, which only the first key exchange may. */
    const judge = (proven: Buffer, answer: (trusted: boolean) => void): boolean | undefined => {
      const ready = options.beforeJudging?.(proven)
      if (ready === undefined) return judgeNow(proven, answer)
      ready
        .then(() => {
          if (gone === undefined || gone.signal.aborted) return
          const trusted = judgeNow(proven, answer)
          if (trusted !== undefined) answer(trusted)
        })
        .catch(fail)
      return undefined
    }
    const judgeNow = (proven: Buffer, answer: (trusted: boolean) => void): boolean | undefined => {
      const first = options.judge(proven)
      verdict = first
      if (first.trusted || first.reason !== 'pending' || gone === undefined) return first.trusted
      clearTimeout(timer)
      const { signal } = gone
      options
        .decision(first, proven, signal)
        .then((outcome) => {
          if (signal.aborted) return
          const again = options.judge(proven)
          verdict = again.trusted ? again : pendingStill(again, outcome)
          timer = setTimeout(onTimeout, options.handshakeTimeout)
          answer(verdict.trusted)
        })
        .catch(fail)
      return undefined
    }

    /** To sign is work, too. */
    const inTurn = (login: Login): Promise<Login> => new Promise((resolve) => options.work(() => resolve(login)))

    /** A login takes as long as the device likes, and meanwhile its key may be revoked, unpinned or bound to another device. */
    const stillProven = (): boolean => {
      if (verdict?.trusted !== true || presented === undefined) return false
      const now = options.judge(presented)
      verdict =
        now.trusted && now.deviceId === verdict.deviceId
          ? now
          : { trusted: false, ...noLongerProven(verdict.deviceId, now) }
      return verdict.trusted
    }
    const course = loginWith({
      prepare: () =>
        stillProven() && verdict?.trusted === true
          ? options.login(verdict).then(inTurn)
          : Promise.reject(new Error('it is not proven')),
      objection: () => {
        if (!stillProven() || verdict?.trusted !== true) return new Error('it is not proven any more')
        return options.loginStands?.(verdict) === false ? credentialsChanged() : undefined
      },
      onFailure: fail,
    })
    const authHandler = swappable(course.handler)
    const hostVerifier = swappable((key: Buffer, answer: (trusted: boolean) => void): boolean => {
      if (presented !== undefined) return presented.equals(key)
      presented = packBytes(key)
      return judge(presented, answer) as boolean
    })

    client.on('error', onError)
    client.on('change password', course.passwordChangeWanted)
    client.on('close', onClose)
    client.on('ready', onReady)
    socket.once('close', onGone)
    connectClient(client, {
      sock: socket,
      username: '',
      authHandler: authHandler.call,
      readyTimeout: 0,
      ident: SSH_SOFTWARE,
      algorithms: { ...offeredAlgorithms(), serverHostKey: options.hostKeyAlgorithms },
      hostVerifier: hostVerifier.call,
    })
    const workFreely = governWork(client, options.work)
    boundUnreadAnswers(client)
    boundPromptRounds(client)
    answerAfterExit(client)
  })
}

/** `hint`: what may help, where the one who found it knows. */
type Failure = Error & { readonly level?: string; readonly hint?: string }

/** The refusal of a device that was proven when its login began. */
export function noLongerProven(deviceId: string, now: Verdict): CallHomeRefusal {
  if (!now.trusted && now.reason !== 'pending')
    return { reason: now.reason, message: now.message, hint: now.hint, deviceId }
  return { deviceId, ...callHomeRefusal('no-longer-proven', deviceId) }
}

function credentialsChanged(): LoginProblem {
  return Object.assign(new Error('the credentials bound to it changed meanwhile'), {
    hint: 'nothing is to be done: the device dials again by itself, and the new ones are used',
  })
}

/** In a key re-exchange only the same key will do, and the answer must come at once. */
const onlyThis = (key: Buffer) => (shown: Buffer) => key.equals(shown)

const noFurtherLogin = (): void => undefined

/** The refusal of a device that was pending, once its connection is not held any longer. */
function pendingStill(pending: Exclude<Standing, Trusted>, outcome: PendingOutcome): Exclude<Standing, Trusted> {
  if (outcome === 'another-key-pending' || outcome === 'too-many-pending')
    return { ...pending, ...callHomeRefusal(outcome, pending) }
  return pending
}

/** What ssh2 says where SSH_MSG_KEXDH_INIT or SSH_MSG_KEX_ECDH_INIT comes instead of the answer to ours (RFC 4253 §8, RFC 5656 §4). */
const CLIENT_SPOKE = /^Received packet 30 instead of \d+$/

/** What V8 says where ssh2 is given a message of a key exchange that no SSH_MSG_KEXINIT has begun. */
const BEFORE_KEXINIT = /reading 'parse'/

function refusalOf(
  verdict: Standing | undefined,
  failure: Failure | undefined,
  { handshakeTimeout, login }: { readonly handshakeTimeout: number; readonly login: string | undefined },
): CallHomeRefusal {
  if (verdict?.trusted === false) {
    const { reason, message, hint, deviceId } = verdict
    return { reason, message, hint, ...(deviceId === undefined ? {} : { deviceId }) }
  }
  if (failure?.level === HOST_KEY_SIGNATURE)
    return callHomeRefusal('bad-host-key-signature', strangerText(failure.message))
  if (failure?.level === 'client-timeout') {
    const step = verdict === undefined ? 'key exchange' : 'login'
    return { ...deviceOf(verdict), ...callHomeRefusal('handshake-timeout', step, handshakeTimeout) }
  }
  const cause = causeOf(failure)
  if (verdict !== undefined)
    return { ...deviceOf(verdict), ...callHomeRefusal('login-failed', cause, login, failure?.hint) }
  return CLIENT_SPOKE.test(cause) ? callHomeRefusal('ssh-client') : callHomeRefusal('handshake-failed', cause)
}

function deviceOf(verdict: Trusted | undefined): { readonly deviceId?: string } {
  return verdict === undefined ? {} : { deviceId: verdict.deviceId }
}

function causeOf(failure: Failure | undefined): string {
  if (failure === undefined) return 'it closed the connection'
  if (BEFORE_KEXINIT.test(failure.message)) return 'it sent a message of a key exchange before it began one'
  return strangerText(failure.message)
}

function createLink(
  client: Client,
  socket: Socket,
  deviceId: string,
  provenKey: Buffer,
  {
    source,
    judge,
    channels: channelLimits,
    keepalive,
    keepaliveTimes,
  }: Pick<SshLinkOptions, 'source' | 'judge' | 'channels' | 'keepalive' | 'keepaliveTimes'>,
): Link {
  let end: LinkEnd | undefined
  let over: LinkEnd | undefined
  let lastError: (Error & { level?: string }) | undefined
  client.on('error', (error: Error & { level?: string }) => {
    lastError ??= error
  })
  closeOnceFailed(client)
  nameWork(client, { kind: 'link', source })
  forgetLogin(client)
  forgetKeyExchange(client)
  // ssh2 tells of the end of a key exchange while it is still at work with it.
  client.on('handshake', () => setImmediate(forgetKeyExchange, client))
  /** What tells of each channel whether somebody waits for a reply on it. */
  const awaited = new Set<() => boolean>()
  const watched: Watched = {
    socket,
    probe: () => probe(client),
    awaitsReply: () => someoneWaits(awaited),
    silent: (silence) => {
      end ??= linkEnd('keepalive-timeout', silence === 'unacknowledged')
      socket.destroy()
    },
  }
  const stopProbes = keepalive.watch(watched, keepaliveTimes)
  const ended = new Promise<LinkEnd>((resolve) => {
    client.once('close', () => {
      stopProbes()
      over = end ?? linkEnd('lost', lastError && strangerText(lastError.message))
      resolve(over)
    })
  })
  const channels = createDeviceChannels(client, channelLimits, { awaited, over: () => over })
  return {
    deviceId,
    source,
    hostKeyFingerprint: keyFingerprint(provenKey).fingerprint,
    software: remoteSoftwareOf(client),
    capacity: CAPACITY,
    ended,
    openChannel: channels.open,
    lostChannels: channels.lost,
    onChannelLost: channels.onLost,
    mayBeBusy: channels.mayBeBusy,
    probe: () => new Promise((resolve) => probe(client, resolve)),
    stillProven: () => {
      const verdict = judge(provenKey)
      return verdict.trusted && verdict.deviceId === deviceId
    },
    end: (reason) => {
      end ??= reason
      // The other side of a half-open connection never answers, so nothing is waited for.
      client.end()
      socket.destroy()
    },
  }
}

/** The device alone decides what it opens, and how much of it. */
const CAPACITY: LinkCapacity = {}
