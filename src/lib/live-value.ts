import { reportFault } from './background.js'

/** A value that is replaced as a whole while the process runs, such as the settings of a service. */
export interface Live<T> {
  readonly current: T
  /**
   * Has somebody follow a part of the value: `follow` is called with each new one, in the order in which they asked. It
   * cannot refuse a change; a change waits for the promise that it returns.
   *
   * @param part picks what to follow. A part that is the same object as before has not changed.
   */
  readonly onChange: <Part>(part: (value: T) => Part, follow: (next: Part) => unknown) => void
  /**
   * Has somebody make ready what may fail, before anything changes. `prepare` throws where the new value is of no use.
   */
  readonly beforeChange: <Part>(part: (value: T) => Part, prepare: (next: Part) => Promise<Prepared>) => void
}

/** What was made ready for a change. One of the two is called; neither can fail. */
export interface Prepared {
  /** The change is made. */
  readonly apply: () => void
  /** The change is not made. */
  readonly discard: () => void
}

/** The side of whoever decides that the value changes. */
export interface ChangeableLive<T> extends Live<T> {
  /**
   * Changes the value and settles once everybody has followed. Throws what one of those throws who make something
   * ready, and changes nothing then. The caller makes one change after the other.
   */
  readonly change: (next: T) => Promise<void>
}

/** Holds a value, and tells those who follow a part of it when it becomes another one. */
export function createLiveValue<T>(initial: T): ChangeableLive<T> {
  let current = initial
  const preparing: ((next: T) => Promise<Prepared | undefined>)[] = []
  const following: ((next: T, before: T) => unknown)[] = []
  const prepareAll = async (next: T): Promise<readonly Prepared[]> => {
    const prepared: Prepared[] = []
    try {
      for (const prepare of preparing) {
        const made = await prepare(next)
        if (made !== undefined) prepared.push(made)
      }
      return prepared
    } catch (error) {
      for (const { discard } of prepared) discard()
      throw error
    }
  }
  return {
    get current() {
      return current
    },
    onChange: (part, follow) => {
      following.push((next, before) => (part(next) === part(before) ? undefined : follow(part(next))))
    },
    beforeChange: (part, prepare) => {
      preparing.push(async (next) => (part(next) === part(current) ? undefined : prepare(part(next))))
    },
    change: async (next) => {
      const prepared = await prepareAll(next)
      const before = current
      current = next
      for (const { apply } of prepared) apply()
      await Promise.all(following.map((follow) => settled(() => follow(next, before))))
    },
  }
}

/** A follower that fails has a fault; the others follow all the same. */
async function settled(follow: () => unknown): Promise<void> {
  try {
    await follow()
  } catch (error) {
    reportFault('command', error)
  }
}
