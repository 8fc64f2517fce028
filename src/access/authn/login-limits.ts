import { networkOf } from '../../net/source-network.js'
import { createFailureCounter } from './failure-counter.js'

/** Bounds on failed logins; times in milliseconds. */
export interface LoginLimits {
  /** Failures of one user name from one address until that pair is blocked. */
  readonly failuresPerUserAndAddress: number
  /**
   * Wrong passwords of such a pair, counted also while it is blocked, until not even a login that is known from there
   * passes.
   */
  readonly failuresPerKnownLogin: number
  /** Failures from one address, whatever the user names, until it is blocked; many users may share an address. */
  readonly failuresPerAddress: number
  /** From the first failure; then they are forgotten. */
  readonly window: number
  readonly block: number
  /** How long after it was asked the first failure is answered; it doubles with each further one, up to eight times. */
  readonly slowDown: number
  /** Pairs and addresses that are remembered. */
  readonly maxTracked: number
}

/** What is blocked: a user name from one address, or everybody from that address. */
export type BlockScope = 'user-and-address' | 'address'

export type LoginStanding =
  | { readonly allowed: true }
  | {
      readonly allowed: false
      readonly scope: BlockScope
      /** Milliseconds. */
      readonly retryAfter: number
      /** The same for all that one block holds back. */
      readonly block: string
      /** Whether who has logged in from there before may pass all the same. */
      readonly knownMayPass: boolean
    }

/** A block that began or ended. */
export interface LoginBlock {
  readonly scope: BlockScope
  /** Of the failure that blocked. */
  readonly user: string
  /** The address, of an IPv6 one its /64. */
  readonly address: string
  readonly failures: number
  /** Milliseconds. */
  readonly lasts: number
  /** Attempts that were turned away while it lasted; 0 when it begins. */
  readonly turnedAway: number
}

export interface LoginBlockEvents {
  readonly began: (block: LoginBlock) => void
  readonly ended: (block: LoginBlock) => void
}

/**
 * Who has failed to log in too often, for every way of logging in with something that can be guessed. It knows nothing
 * of transports or of who exists: a name that does not exist counts like one that does. Offered public keys are not
 * guesses and are none of its business.
 */
export interface LoginLimiter {
  /** Asked before anything is verified. */
  readonly check: (user: string, address: string) => Promise<LoginStanding>
  /** Counts a failure. @returns milliseconds, from when it was asked, until the failure should be answered */
  readonly failed: (user: string, address: string) => Promise<number>
  /** Counts an attempt that a block turned away, and that adds nothing to any block. @returns the same */
  readonly turnedAway: (user: string, address: string) => Promise<number>
  /** Forgets the failures of this user from this address, not those of others from there. */
  readonly succeeded: (user: string, address: string) => Promise<void>
  /** Milliseconds until one more failure of this pair, which is not counted, should be answered. */
  readonly slowDown: (user: string, address: string) => Promise<number>
  readonly configure: (limits: LoginLimits) => void
}

/** Doublings of the first delay. */
const MOST_DOUBLINGS = 3

export function createLoginLimiter(initial: LoginLimits, events: LoginBlockEvents): LoginLimiter {
  let limits = initial
  const pairs = createFailureCounter(pairBounds(initial))
  const guesses = createFailureCounter(guessBounds(initial))
  const addresses = createFailureCounter(addressBounds(initial))
  const blocks = new Map<string, { turnedAway: number; readonly timer: NodeJS.Timeout }>()

  const pairOf = (user: string, network: string): string => JSON.stringify([user, network])
  const delayAfter = (failures: number): number =>
    failures === 0 ? limits.slowDown : limits.slowDown * 2 ** Math.min(failures - 1, MOST_DOUBLINGS)

  const noteBlock = (key: string, begun: Omit<LoginBlock, 'turnedAway'>): void => {
    if (blocks.has(key)) return
    const timer = setTimeout(() => endBlock(key, begun), begun.lasts).unref()
    blocks.set(key, { turnedAway: 0, timer })
    events.began({ ...begun, turnedAway: 0 })
  }
  const endBlock = (key: string, begun: Omit<LoginBlock, 'turnedAway'>): void => {
    const turnedAway = blocks.get(key)?.turnedAway ?? 0
    blocks.delete(key)
    events.ended({ ...begun, turnedAway })
  }

  const check: LoginLimiter['check'] = async (user, address) => {
    const network = networkOf(address)
    const pair = pairOf(user, network)
    const [ofPair, ofAddress, guessed] = await Promise.all([
      pairs.look(pair),
      addresses.look(network),
      guesses.look(pair),
    ])
    if (ofPair.blockedFor === 0 && ofAddress.blockedFor === 0) return { allowed: true }
    const [scope, block] =
      ofPair.blockedFor > 0 ? (['user-and-address', pair] as const) : (['address', network] as const)
    return {
      allowed: false,
      scope,
      block,
      retryAfter: Math.max(ofPair.blockedFor, ofAddress.blockedFor),
      knownMayPass: guessed.blockedFor === 0,
    }
  }

  return {
    check,
    failed: async (user, address) => {
      const network = networkOf(address)
      const pair = pairOf(user, network)
      const [ofPair, ofAddress] = await Promise.all([pairs.count(pair), addresses.count(network), guesses.count(pair)])
      for (const [key, scope, { failures, blockedFor }] of [
        [pair, 'user-and-address', ofPair],
        [network, 'address', ofAddress],
      ] as const)
        if (blockedFor > 0) noteBlock(key, { scope, user, address: network, failures, lasts: blockedFor })
      return delayAfter(ofPair.failures)
    },
    turnedAway: async (user, address) => {
      await guesses.count(pairOf(user, networkOf(address)))
      const standing = await check(user, address)
      const block = standing.allowed ? undefined : blocks.get(standing.block)
      if (block !== undefined) block.turnedAway += 1
      return limits.slowDown
    },
    succeeded: async (user, address) => {
      await pairs.forget(pairOf(user, networkOf(address)))
    },
    slowDown: async (user, address) => delayAfter((await pairs.look(pairOf(user, networkOf(address)))).failures),
    configure: (next) => {
      limits = next
      pairs.configure(pairBounds(next))
      guesses.configure(guessBounds(next))
      addresses.configure(addressBounds(next))
    },
  }
}

function pairBounds({ failuresPerUserAndAddress: failures, window, block, maxTracked }: LoginLimits) {
  return { failures, window, block, maxTracked }
}

function guessBounds({ failuresPerKnownLogin: failures, window, block, maxTracked }: LoginLimits) {
  return { failures, window, block, maxTracked }
}

function addressBounds({ failuresPerAddress: failures, window, block, maxTracked }: LoginLimits) {
  return { failures, window, block, maxTracked }
}
