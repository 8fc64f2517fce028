import type { PendingOutcome } from '../../fleet/enrolment/pending-connections.js'
import { callHomeRefusal, type CallHomeRefusal } from '../../fleet/refusals/call-home.js'
import { strangerText } from '../../lib/stranger-text.js'
import { algorithmsThatHelp, type NothingInCommon, nothingInCommonInWords } from '../../ssh/nothing-in-common.js'
import { HOST_KEY_SIGNATURE } from '../../ssh/ssh2/key-exchange.js'
import type { Verdict } from '../../trust/ssh/judge-host-key.js'

export type Trusted = Extract<Verdict, { trusted: true }>

/** A verdict on the host key, or what became of the connection after it. */
export type Judged = Trusted | (CallHomeRefusal & { readonly trusted: false })

/** What ended a handshake. `hint`: what may help, where the one who found it knows. */
export type Failure = Error & { readonly level?: string; readonly hint?: string }

/** The failure of a handshake that took too long. */
export function handshakeTooLong(): Failure {
  return Object.assign(new Error('timeout'), { level: CLIENT_TIMEOUT })
}

const CLIENT_TIMEOUT = 'client-timeout'

/** The failure of a handshake in which the other side showed itself as an SSH client, too. */
export function spokeAsClient(): Failure {
  return Object.assign(new Error('it is an SSH client'), { level: SSH_CLIENT })
}

const SSH_CLIENT = 'ssh-client'

/**
 * What ssh2 says where SSH_MSG_KEXDH_INIT or SSH_MSG_KEX_ECDH_INIT comes instead of the answer to ours (RFC 4253 §8,
 * RFC 5656 §4).
 */
const CLIENT_SPOKE = /^Received packet 30 instead of \d+$/

/** What V8 says where ssh2 is given a message of a key exchange that no SSH_MSG_KEXINIT has begun. */
const BEFORE_KEXINIT = /reading 'parse'/

/** Why a handshake did not end in a link. */
export function refusalOf({
  judged,
  failure,
  handshakeTimeout,
  login,
  nothingInCommon,
}: {
  readonly judged: Judged | undefined
  readonly failure: Failure | undefined
  readonly handshakeTimeout: number
  /** How the login went so far, and what may help. */
  readonly login: { readonly course: string; readonly hint: string } | undefined
  readonly nothingInCommon?: NothingInCommon | undefined
}): CallHomeRefusal {
  if (judged?.trusted === false) {
    const { reason, message, hint, deviceId } = judged
    return { reason, message, hint, ...(deviceId === undefined ? {} : { deviceId }) }
  }
  if (failure?.level === HOST_KEY_SIGNATURE)
    return callHomeRefusal('bad-host-key-signature', strangerText(failure.message))
  if (failure?.level === CLIENT_TIMEOUT) {
    const step = judged === undefined ? 'key exchange' : 'login'
    return { ...deviceOf(judged), ...callHomeRefusal('handshake-timeout', step, handshakeTimeout) }
  }
  if (failure?.level === SSH_CLIENT) return callHomeRefusal('ssh-client')
  if (nothingInCommon !== undefined) return noCommonAlgorithm(nothingInCommon)
  const cause = causeOf(failure)
  if (judged !== undefined)
    return {
      ...deviceOf(judged),
      ...callHomeRefusal('login-failed', cause, login?.course, failure?.hint ?? login?.hint),
    }
  return CLIENT_SPOKE.test(cause) ? callHomeRefusal('ssh-client') : callHomeRefusal('handshake-failed', cause)
}

function noCommonAlgorithm(nothing: NothingInCommon): CallHomeRefusal {
  return callHomeRefusal(
    'no-common-algorithm',
    nothingInCommonInWords(nothing, 'the device'),
    hintOnAlgorithms(nothing),
  )
}

function hintOnAlgorithms(nothing: NothingInCommon): string {
  const help = algorithmsThatHelp(nothing)
  if (nothing.kind === 'hostKeyAlgorithms' && help === undefined)
    return 'give the device an Ed25519, ECDSA or RSA host key; if it has one, another type is announced or pinned'
  return help === undefined
    ? "change the device's SSH configuration, or upgrade its software"
    : `upgrade the device; where that cannot be, allow it what is weak: algorithms: ${help} in its entry of devices, ` +
        'or by its network in call-home.ssh.algorithms where it sends no initiation sequence'
}

/** The refusal of a device that was proven when its login began. */
export function noLongerProven(deviceId: string, now: Verdict): CallHomeRefusal {
  if (!now.trusted && now.reason !== 'pending')
    return { reason: now.reason, message: now.message, hint: now.hint, deviceId }
  return { deviceId, ...callHomeRefusal('no-longer-proven', deviceId) }
}

/** The refusal of a device that was pending, once its connection is not held any longer. */
export function pendingStill(pending: Exclude<Judged, Trusted>, outcome: PendingOutcome): Exclude<Judged, Trusted> {
  if (outcome === 'another-key-pending' || outcome === 'too-many-pending')
    return { ...pending, ...callHomeRefusal(outcome, pending) }
  return pending
}

function deviceOf(judged: Trusted | undefined): { readonly deviceId?: string } {
  return judged === undefined ? {} : { deviceId: judged.deviceId }
}

function causeOf(failure: Failure | undefined): string {
  if (failure === undefined) return 'it closed the connection'
  if (BEFORE_KEXINIT.test(failure.message)) return 'it sent a message of a key exchange before it began one'
  return strangerText(failure.message)
}
