import { readinessToGiveWay } from '../fleet/give-way.js'
import type { Link } from '../fleet/link.js'

/** An account of a device that a login has taken, by the name of its credentials. */
export interface TakenAccount {
  readonly name: string
  /** The login has become a link, which has the account until it ends. */
  readonly keptBy: (link: Link) => void
  /** The login has failed, or its link has ended. */
  readonly release: () => void
}

/** Which accounts of a device its links and logins have, for devices that have a list of them. */
export interface AccountTurns {
  /**
   * Takes the first of these accounts that no link of the device has, and no other login that is under way; where all
   * are taken, the first of those that the fewest have. What the new link will replace does not count.
   * @param mostLinks how many links the device may have
   */
  readonly take: (deviceId: string, names: readonly [string, ...string[]], mostLinks: number) => TakenAccount
}

interface Use {
  readonly name: string
  link?: Link
}

export function createAccountTurns(): AccountTurns {
  /** By device, the oldest first. */
  const uses = new Map<string, readonly Use[]>()

  return {
    take: (deviceId, names, mostLinks) => {
      const before = uses.get(deviceId) ?? []
      const staying = leastWanted(before).slice(Math.max(before.length + 1 - mostLinks, 0))
      const count = (name: string): number => staying.filter((use) => use.name === name).length
      const name = names.reduce((best, next) => (count(next) < count(best) ? next : best))
      const use: Use = { name }
      uses.set(deviceId, [...before, use])
      const release = (): void => {
        const left = (uses.get(deviceId) ?? []).filter((one) => one !== use)
        if (left.length > 0) uses.set(deviceId, left)
        else uses.delete(deviceId)
      }
      return {
        name,
        keptBy: (link) => {
          use.link = link
        },
        release,
      }
    },
  }
}

/** In the order in which the fleet replaces links: those that have long owed an answer first, then the oldest. */
function leastWanted(uses: readonly Use[]): readonly Use[] {
  const rank = ({ link }: Use): number => (link === undefined ? 0 : readinessToGiveWay(link))
  return uses.toSorted((one, other) => rank(other) - rank(one))
}
