import { inBackground } from '../../lib/background.js'
import type { ChannelFailure, ChannelOpening, Link } from '../../fleet/link.js'
import { linkEnd } from '../../fleet/refusals/link-ends.js'
import type { Refusal } from '../../lib/refusal.js'
import { makeEphemeralCertificate } from '../../ssh/ephemeral-certificate.js'
import { hostKeyAlgorithmsFor } from '../../ssh/host-key-algorithms.js'
import type { Keepalive } from '../../ssh/keepalive.js'
import { loginKey } from '../../ssh/ssh2/keys.js'
import type { Log } from '../../telemetry/log.js'
import { accountFault } from '../../trust/account-name.js'
import type { Credentials } from '../../trust/credentials.js'
import type { Evidence } from '../../trust/evidence.js'
import { hostKeyRefusal } from '../../trust/ssh/host-key-refusals.js'
import type { Verdict } from '../../trust/ssh/judge-host-key.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import type { Login } from './login.js'
import { proveHostKey } from './ssh-handshake.js'
import type { LinkForUsers, UsersSessions } from './ssh-link.js'

export interface UsersSessionsOptions {
  /** What is bound to a device now. */
  readonly credentialsFor: (deviceId: string, because: Evidence, account?: string) => Credentials | undefined
  readonly keepalive: Keepalive
  readonly log: Log
}

/** A session is a command, on a terminal or not: no login of a user's forwards anything. */
const EXTENSIONS = ['permit-pty']

/**
 * Opens sessions of users as themselves, so that the log, the AAA and the commit history of a device name the person
 * and not the bridge: a second SSH connection, through a channel of the link, to the device's own SSH server. That has
 * to prove the host key that the device has proven on the link, and is logged in to by a certificate of the bridge's
 * user CA, made for this login alone, whose key id and principal are the name of the user. The connection is that of
 * one session, and ends with it: nobody else ever uses it.
 */
export function createUsersSessions({ credentialsFor, keepalive, log }: UsersSessionsOptions): UsersSessions {
  /** Those of the link's account; where they are the device's no longer, those that are bound to it instead. */
  const boundTo = ({ deviceId, because, account }: Parameters<UsersSessions['wanted']>[0]): Credentials | undefined =>
    credentialsFor(deviceId, because, account) ?? credentialsFor(deviceId, because)
  return {
    wanted: ({ deviceId, because, account }) => {
      const own = credentialsFor(deviceId, because, account)
      if (own !== undefined) return own.perUser !== undefined
      return credentialsFor(deviceId, because)?.perUser === undefined ? undefined : true
    },
    open: async (on, { request, user }) => {
      const { deviceId, because, channels } = on
      const { perUser, userCa, username = '' } = boundTo(on) ?? {}
      if (perUser === undefined || userCa === undefined) return failed('account', 'nobody is, by now')
      const { port } = perUser
      const fault = accountFault(user, username)
      if (fault !== undefined) return failed('account-name', fault)
      const dialled = await on.dial(port)
      if (!dialled.ok) return dialled
      const { socket } = dialled
      const own = keyFingerprint(on.key)
      const judge = (presented: Buffer): Verdict =>
        keyFingerprint(presented).fingerprint === own.fingerprint
          ? { trusted: true, deviceId, because, pin: false }
          : { trusted: false, deviceId, ...otherKey(presented, deviceId) }
      const proof = await proveHostKey(socket, {
        source: on.source,
        hostKeyAlgorithms: hostKeyAlgorithmsFor([own.type]),
        judge,
        decision: () => Promise.reject(new Error('nobody decides on it')),
        login: () => loginOf(user, userCa),
        work: (piece) => piece(),
        handshakeTimeout: channels.channelOpenTimeout,
        keepalive,
        keepaliveTimes: NO_PROBES,
        channels,
      })
      const opened = proof.ok ? await proof.logIn() : proof
      if (!opened.ok) {
        if (on.over() !== undefined) return failed('link-closed', 'the link ended')
        const { reason, message, hint }: Refusal = opened.refusal
        const isLogin = reason === 'login-failed'
        // What helps with a call of the device would not help here.
        const shown = { deviceId, user, port, reason, ...(isLogin ? { hint } : {}) }
        log.warn(shown, `no session for a user as themselves: ${message}`)
        return isLogin ? failed('account', 'it did not let them in') : { ...failed('host-key', message), port }
      }
      return sessionOn(opened.link, await opened.link.openChannel(request), on)
    },
  }
}

function otherKey(presented: Buffer, deviceId: string) {
  return hostKeyRefusal('host-key-not-pinned', presented, { deviceId, hmac: 'not-asked' })
}

/** The link below has its own. */
const NO_PROBES = { interval: 0, countMax: 1, maxReplyWait: 0 }

/** The one session of a connection, which ends with it. */
function sessionOn(link: Link, opening: ChannelOpening, on: LinkForUsers): ChannelOpening {
  const end = (): void => link.end(linkEnd('let-go'))
  if (opening.ok) {
    inBackground('link', opening.channel.closed.then(end))
    // The link is the one that the device has called on: what ends this connection alone has ended the session.
    return { ok: true, channel: { ...opening.channel, linkEnd: on.over } }
  }
  end()
  if (opening.cause !== 'link-closed' && opening.cause !== 'no-more-sessions') return opening
  return on.over() !== undefined
    ? failed('link-closed', 'the link ended')
    : failed('account', 'it let them in, and opened no session')
}

async function loginOf(user: string, { key, lifetimeMinutes }: NonNullable<Credentials['userCa']>): Promise<Login> {
  const made = makeEphemeralCertificate(key, {
    principals: [user],
    keyId: user,
    now: new Date(),
    minutes: lifetimeMinutes,
    extensions: EXTENSIONS,
  })
  if (!made.ok) throw new Error(made.failure.message)
  const login = loginKey(made.privateKey, made.certificate)
  if (!login.ok) throw new Error(login.failure.message)
  return { username: user, keys: [login.key] }
}

function failed(cause: ChannelFailure, message: string): Extract<ChannelOpening, { readonly ok: false }> {
  return { ok: false, cause, message }
}
