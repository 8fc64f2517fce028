import { createServer } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { callHomeRefusal, type CallHomeRefusal } from '../../fleet/refusals/call-home.js'
import type { Link } from '../../fleet/link.js'
import { inBackground } from '../../lib/background.js'
import { sshListenerOptions } from '../../net/listener-options.js'
import { DEFAULT_ALGORITHMS } from '../../ssh/algorithm-catalogue.js'
import type { AlgorithmLists } from '../../ssh/algorithms.js'
import { createKeepalive } from '../../ssh/keepalive.js'
import type { Log } from '../../telemetry/log.js'
import type { Claim } from '../../trust/claim.js'
import type { Credentials } from '../../trust/credentials.js'
import type { Evidence } from '../../trust/evidence.js'
import type { KnownDevices } from '../../trust/known-devices.js'
import { claimedDevice } from '../../trust/ssh/identify-device.js'
import { type HostKeyCase, judgeHostKey, namesJudged, type Verdict } from '../../trust/ssh/judge-host-key.js'
import { compareHashedNames, hasManyHashedNames } from '../../trust/ssh/known-hosts-for.js'
import { loginKeysFor } from '../../trust/ssh/login-keys.js'
import { wantedHostKeys } from '../../trust/ssh/wanted-host-keys.js'
import type { TrustAnchors } from '../../trust/trust-anchors.js'
import type { TakenAccount } from '../account-turns.js'
import type { Identity, Proof, ProvingCall, Transport } from '../transport.js'
import type { CallByClaim } from './device-algorithms.js'
import { noLongerProven, type Trusted } from './handshake-refusal.js'
import { readClaim } from './initiation.js'
import type { Login } from './login.js'
import { createUsersSessions } from './open-as-user.js'
import { proveHostKey, type SshHandshakeOptions, type SshProof } from './ssh-handshake.js'

export interface SshTransportOptions {
  /** The trust anchors by which host keys are judged now. After a reload it returns the new ones. */
  readonly anchors: () => TrustAnchors
  /**
   * The credentials that are bound to a device.
   * @param account the name of those that are wanted, where `accountFor` has taken them
   */
  readonly credentialsFor: (deviceId: string, because: Evidence, account?: string) => Credentials | undefined
  /** Takes one of a device's accounts for a login, by the name of its credentials. */
  readonly accountFor?: (deviceId: string) => TakenAccount
  /** The algorithms for who claims this and calls from there; undefined for the usual ones. */
  readonly algorithmsFor?: (call: CallByClaim) => AlgorithmLists | undefined
  readonly log: Log
}

/**
 * Call home over SSH (RFC 8071, IANA port 4334). Some vendors' devices send an initiation sequence first. Key exchange
 * proves the device's host key. Then the bridge logs in with the credentials that are bound to the device. How many
 * channels a link has is for the device to decide.
 */
export function createSshTransport({ anchors, algorithmsFor, log, ...options }: SshTransportOptions): Transport {
  const keepalive = createKeepalive()
  const usersSessions = createUsersSessions({ credentialsFor: options.credentialsFor, keepalive, log })

  const prove = async ({ socket, source, claim, known, decision, work, limits }: ProvingCall): Promise<Proof> => {
    if (claim.form !== 'none') await compareHashedNames(anchors().knownHosts, namesClaimed(claim.deviceIds, known()))
    const call = { claim, deviceId: claimedDevice(claim, known())?.id, address: socket.remoteAddress ?? '' }
    const algorithms = algorithmsFor?.(call)
    const accepted = algorithms?.hostKeyAlgorithms
    const hostKeyAlgorithms = wantedHostKeys(claim, known(), { ...anchors(), accepted })
    if (hostKeyAlgorithms.length === 0) return { ok: false, refusal: unsupportedHostKey(claim) }
    const judge = judgeOf(claim, known, anchors)
    const login = loginBoundTo(options, { accepted: algorithms?.pubkeyAcceptedAlgorithms, log })
    const proof = await proveHostKey(socket, {
      source,
      hostKeyAlgorithms,
      algorithms,
      mayUse: mayUseBy(call, algorithmsFor),
      beforeJudging: (key) =>
        compareHashedNames(
          anchors().knownHosts,
          namesFound({ claim, presented: key, known: known(), anchors: anchors() }),
        ),
      judge,
      decision: ({ deviceId = '' }, key, gone) => decision({ deviceId, key }, gone),
      ...login,
      work,
      handshakeTimeout: limits.handshakeTimeout,
      keepalive,
      keepaliveTimes: {
        interval: limits.keepaliveInterval,
        countMax: limits.keepaliveCountMax,
        maxReplyWait: limits.maxReplyWait,
      },
      channels: limits,
      usersSessions,
    })
    return proof.ok ? proofOf(proof, judge, login.over) : proof
  }

  return {
    kind: 'ssh',
    listen: (take) => createServer(sshListenerOptions, take),
    readClaim,
    prove,
  }
}

function proofOf(
  { verdict, key, logIn }: Extract<SshProof, { readonly ok: true }>,
  judge: Judge,
  over: BoundLogin['over'],
): Proof {
  return {
    ok: true,
    identity: identityOf(verdict, key, judge),
    open: async () => {
      const opening = await logIn()
      over(opening.ok ? opening.link : undefined)
      if (!opening.ok) return opening
      return { ok: true, link: opening.link, identity: identityOf(opening.verdict, opening.key, judge) }
    },
  }
}

/** A function of its own, because a link keeps it. */
function mayUseBy(
  call: CallByClaim,
  algorithmsFor: SshTransportOptions['algorithmsFor'],
): (algorithms: readonly string[]) => boolean {
  return (algorithms) => {
    const allowed = new Set(Object.values(algorithmsFor?.(call) ?? DEFAULT_ALGORITHMS).flat())
    return algorithms.every((name) => allowed.has(name))
  }
}

type Judge = (key: Buffer) => Verdict

function identityOf({ deviceId, because, pin }: Trusted, key: Buffer, judge: Judge): Identity {
  return {
    deviceId,
    key,
    because,
    pin,
    objection: () => {
      const now = judge(key)
      return now.trusted && now.deviceId === deviceId ? undefined : noLongerProven(deviceId, now)
    },
  }
}

/** A function of its own, because a link keeps its result: a closure further up would keep the whole handshake too. */
function judgeOf(claim: Claim, known: () => KnownDevices, anchors: () => TrustAnchors): Judge {
  return (key) => judgeHostKey({ claim, presented: key, known: known(), anchors: anchors(), now: new Date() })
}

/** What a claim names, and what else the devices of these ids go by. */
function namesClaimed(deviceIds: readonly string[], known: KnownDevices): readonly string[] {
  return deviceIds.flatMap((deviceId) => [deviceId, ...(known.byId(deviceId)?.aliases ?? [])])
}

/** What the device that a key proves goes by, where it named no id: with one, that was compared before key exchange. */
function namesFound(judged: HostKeyCase): readonly string[] {
  return judged.claim.form === 'none' && hasManyHashedNames(judged.anchors.knownHosts) ? namesJudged(judged) : []
}

function unsupportedHostKey(claim: Claim): CallHomeRefusal {
  return callHomeRefusal('unsupported-host-key', claim.form === 'junos' ? claim.hostKey?.type : undefined)
}

/** Logs in with what is bound to the device when its login begins; it stands for as long as that is bound to it. */
/** What a handshake logs in with, and who is told when the login is over. */
interface BoundLogin extends Required<Pick<SshHandshakeOptions, 'login' | 'loginStands' | 'account'>> {
  /** @param link what came of it, where it went well */
  readonly over: (link: Link | undefined) => void
}

function loginBoundTo(
  { credentialsFor, accountFor }: Pick<SshTransportOptions, 'credentialsFor' | 'accountFor'>,
  by: LoginCircumstances,
): BoundLogin {
  let taken: TakenAccount | undefined
  let credentials: Credentials | undefined
  return {
    login: ({ deviceId, because }) => {
      taken = accountFor?.(deviceId)
      credentials = credentialsFor(deviceId, because, taken?.name)
      return loginFor(deviceId, credentials, by)
    },
    loginStands: ({ deviceId, because }) =>
      isDeepStrictEqual(credentialsFor(deviceId, because, taken?.name), credentials),
    account: () => taken?.name,
    over: (link) => {
      if (taken === undefined) return
      if (link === undefined) return taken.release()
      taken.keptBy(link)
      inBackground('link', link.ended.then(taken.release))
    },
  }
}

/** What a login is made ready by. */
interface LoginCircumstances {
  /** The algorithms that a key may be offered by; the usual ones when not given. */
  readonly accepted: readonly string[] | undefined
  readonly log: Log
}

async function loginFor(
  deviceId: string,
  credentials: Credentials | undefined,
  { accepted, log }: LoginCircumstances,
): Promise<Login> {
  if (credentials === undefined) throw new Error('no credentials are bound to this device')
  const { keys, problems } = await loginKeysFor(credentials, deviceId, { now: new Date(), accepted })
  for (const problem of problems) log.warn({ deviceId }, `credentials not used: ${problem}`)
  const { username, password, withheld } = credentials
  if (withheld !== undefined) {
    log.warn({ deviceId, hint: withheld.hint }, withheld.message)
    if (keys.length === 0) throw new Error(withheld.message)
  }
  return { username, keys, lacksParts: problems.length > 0, ...(password === undefined ? {} : { password }) }
}
