import type { LoginBlock } from '../access/authn/login-limits.js'
import type { LoginRefusalReason } from '../fleet/refusals/logins.js'
import { networkOf } from '../net/source-network.js'
import type { Log } from '../telemetry/log.js'
import type { ClientMetrics } from '../telemetry/metrics.js'

/** Somebody who tried to log in. */
export interface LoginTried {
  /** The log of the connection, which knows its source. */
  readonly log: Log
  /** The address alone. */
  readonly address: string
  readonly method: string
  /** As the client wrote it, where the method has a name. */
  readonly login?: string
  /** Where the name could be read. */
  readonly user?: string
  readonly deviceId?: string
}

/** One line for each login that failed, as long as one address does not fail without end; all of them are counted. */
export interface LoginLog {
  /** @param message what the line says after `authentication failed: ` */
  readonly failed: (tried: LoginTried, reason: LoginRefusalReason, message: string) => void
  readonly blockBegan: (block: LoginBlock) => void
  readonly blockEnded: (block: LoginBlock) => void
}

export interface LoginLogLimits {
  /** Lines of failures from one address in a window; the others are counted in one line. */
  readonly loggedFailuresPerAddress: number
  /** Milliseconds. */
  readonly window: number
  /** Addresses that are counted at a time; failures from others are not written meanwhile. */
  readonly maxTracked: number
}

interface Told {
  lines: number
  unwritten: number
}

export function createLoginLog(
  log: Log,
  limits: () => LoginLogLimits,
  metrics: Pick<ClientMetrics, 'loginFailed'>,
): LoginLog {
  const told = new Map<string, Told>()

  const toldOf = (network: string): Told | undefined => {
    const known = told.get(network)
    if (known !== undefined) return known
    const { window, maxTracked } = limits()
    if (told.size >= maxTracked) return undefined
    const fresh = { lines: 0, unwritten: 0 }
    told.set(network, fresh)
    setTimeout(() => {
      told.delete(network)
      if (fresh.unwritten > 0)
        log.warn({ address: network, failures: fresh.unwritten }, 'further failed logins, not written one by one')
    }, window).unref()
    return fresh
  }

  return {
    failed: ({ log: connectionLog, address, ...tried }, reason, message) => {
      metrics.loginFailed(tried.method, reason)
      // The block has a line of its own.
      if (reason === 'blocked') return connectionLog.debug({ ...tried, reason }, `authentication failed: ${message}`)
      const counted = toldOf(networkOf(address))
      if (counted === undefined) return
      if (counted.lines < limits().loggedFailuresPerAddress) {
        counted.lines += 1
        connectionLog.info({ ...tried, reason }, `authentication failed: ${message}`)
      } else counted.unwritten += 1
    },
    blockBegan: (block) =>
      log.warn(
        { ...fieldsOf(block), failures: block.failures, blockedSeconds: block.lasts / 1000, hint: hintFor(block) },
        `logins with a password are blocked: ${block.failures} failed ${whose(block)}`,
      ),
    blockEnded: (block) =>
      log.info(
        { ...fieldsOf(block), turnedAway: block.turnedAway },
        `logins with a password are not blocked any more ${whose(block)}`,
      ),
  }
}

function fieldsOf({ scope, user, address }: LoginBlock) {
  return { scope, address, ...(scope === 'address' ? {} : { user }) }
}

function whose({ scope, user, address }: LoginBlock): string {
  return scope === 'address' ? `from ${address}` : `for ${JSON.stringify(user)} from ${address}`
}

function hintFor({ scope }: LoginBlock): string {
  return scope === 'address'
    ? 'keys still log in from there, and so does who did before with the same password; ' +
        'if many users share the address, raise login-limits.failures-per-address'
    : 'the user still logs in with a key, and from elsewhere; look for a program that goes on with an old password'
}
