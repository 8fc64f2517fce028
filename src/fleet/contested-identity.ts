import { inBackground } from '../lib/background.js'
import type { Link } from './link.js'
import { callHomeRefusal, type LinkRefusal } from './refusals/call-home.js'

/** That two live links of one identity were there, as it may be shown. */
export interface Contest {
  /** Links that were turned away because another one of the same identity was alive. */
  readonly turnedAway: number
  /** `address:port` of the link that stayed, and of the last that was turned away. */
  readonly sources: readonly [string, string]
  readonly since: Date
  readonly last: Date
}

/**
 * Milliseconds within which replacements are counted together, and how many for each link that a device may have are
 * taken for those of one device that dials again.
 */
const WINDOW = 60_000
const OF_ONE_DEVICE = 2

/** What decides when a replacement is one too many. */
export interface ContestBounds {
  /** Milliseconds that the older link gets to answer. */
  readonly wait: () => number
  /** How many links the device may have. */
  readonly mostLinks: () => number
}

/** A proven link that waits for its place. */
export interface Challenger {
  readonly link: Link
  readonly attach: () => void
  readonly reject: (contest: Contest) => void
}

/** Decides whether the newest proven link of one identity replaces the one that is there. */
export interface IdentityGuard {
  /**
   * Replaces at once where that is rare: the older link is half-open then as a rule. Where it happens for the third
   * time within a minute (of a device with several links, more than twice for each), the older link is asked whether it
   * is there, and stays if it answers: two devices with one key, or one device that calls twice, would otherwise end
   * each other's sessions for ever. One challenger waits at a time, the newest.
   */
  readonly challenge: (old: Link, challenger: Challenger) => void
  /** A link has ended, or the device may have more: whoever waits attaches. */
  readonly vacant: () => void
  readonly contest: () => Contest | undefined
}

export function createIdentityGuard({ wait, mostLinks }: ContestBounds, now: () => number): IdentityGuard {
  let replacements: number[] = []
  let waiting: Challenger | undefined
  let timer: NodeJS.Timeout | undefined
  let contest: Contest | undefined

  const most = (): number => OF_ONE_DEVICE * mostLinks()
  const note = (): void => {
    replacements = [...replacements.filter((at) => at > now() - WINDOW), now()].slice(-most() - 1)
  }
  const reject = (old: Link, challenger: Challenger): void => {
    const at = new Date(now())
    contest = {
      turnedAway: (contest?.turnedAway ?? 0) + 1,
      sources: [old.source, challenger.link.source],
      since: contest?.since ?? at,
      last: at,
    }
    challenger.reject(contest)
  }
  const leave = (): Challenger | undefined => {
    clearTimeout(timer)
    const left = waiting
    waiting = undefined
    timer = undefined
    return left
  }
  const watchOver = (old: Link): void => {
    let answered = false
    const heard = old.probe().then(() => {
      answered = true
    })
    inBackground('fleet', heard)
    // The whole time also where it answers soon: who is turned away dials again at once.
    timer = setTimeout(() => {
      const challenger = leave()
      if (challenger === undefined) return
      note()
      if (answered) reject(old, challenger)
      else challenger.attach()
    }, wait())
  }

  return {
    challenge: (old, challenger) => {
      const recent = replacements.filter((at) => at > now() - WINDOW).length
      if (recent < most() && waiting === undefined) {
        note()
        return challenger.attach()
      }
      const earlier = waiting
      waiting = challenger
      const gone = challenger.link.ended.then(() => {
        if (waiting === challenger) leave()
      })
      inBackground('fleet', gone)
      if (earlier === undefined) return watchOver(old)
      reject(old, earlier)
    },
    vacant: () => leave()?.attach(),
    contest: () => contest,
  }
}

/** Why a proven link was turned away. */
export function identityContested({ deviceId, source }: Link, { sources: [living] }: Contest): LinkRefusal {
  return { deviceId, source, ...callHomeRefusal('identity-contested', deviceId, living) }
}
