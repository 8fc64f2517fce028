/** Items for one reader, in order, and no more of them than may wait. */
export interface BoundedQueue<Item> {
  /** False when the reader is so far behind that the item was not taken. */
  readonly push: (item: Item) => boolean
  /** No more will come. What waits is still read. */
  readonly end: () => void
  /** The same, and what waits is not read any more. */
  readonly clear: () => void
  /** The next item, undefined once it has ended, or after `patience` milliseconds without one. */
  readonly next: (stallTimeout: number) => Promise<Item | undefined>
  readonly ended: boolean
}

export function createBoundedQueue<Item>(most: number): BoundedQueue<Item> {
  const items: Item[] = []
  let ended = false
  let wake: (() => void) | undefined

  return {
    push: (item) => {
      if (ended || items.length >= most) return false
      items.push(item)
      wake?.()
      return true
    },
    end: () => {
      ended = true
      wake?.()
    },
    clear: () => {
      items.length = 0
      ended = true
      wake?.()
    },
    next: async (stallTimeout) => {
      if (items.length === 0 && !ended)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, stallTimeout)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      wake = undefined
      return items.shift()
    },
    get ended() {
      return ended && items.length === 0
    },
  }
}
