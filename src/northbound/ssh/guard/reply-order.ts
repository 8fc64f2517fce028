/** Replies of our own among those of a device, each in the place of its request. */
export interface ReplyOrder {
  /** A request went to the device, which will answer it. */
  readonly forwarded: () => void
  /**
   * A reply of ours waits until all that was forwarded before it is answered; `placed` is told when it was taken out.
   */
  readonly insert: (reply: Buffer, placed?: () => void) => void
  /** The device answered the next request. */
  readonly answered: () => void
  /** Takes out the replies whose place is here. */
  readonly takeDue: () => readonly Buffer[]
  /** Settles once fewer than so many of ours are waiting. One may ask at a time. */
  readonly fewerThan: (count: number) => Promise<void>
  /** Drops ours, and takes no more of them: nobody reads them. */
  readonly giveUp: () => void
}

interface Inserted {
  readonly after: number
  readonly reply: Buffer
  readonly placed: (() => void) | undefined
}

export function createReplyOrder(): ReplyOrder {
  let sent = 0
  let replies = 0
  let inserted: Inserted[] = []
  let over = false
  let asked: { readonly count: number; readonly settle: () => void } | undefined

  return {
    forwarded: () => {
      sent += 1
    },
    insert: (reply, placed) => {
      if (!over) inserted.push({ after: sent, reply, placed })
    },
    answered: () => {
      // A device that says more than it was asked moves nobody's place.
      replies = Math.min(sent, replies + 1)
    },
    takeDue: () => {
      const due = inserted.filter(({ after }) => after <= replies)
      if (due.length === 0) return []
      inserted = inserted.slice(due.length)
      for (const { placed } of due) placed?.()
      if (asked !== undefined && inserted.length < asked.count) {
        asked.settle()
        asked = undefined
      }
      return due.map(({ reply }) => reply)
    },
    fewerThan: (count) =>
      inserted.length < count
        ? Promise.resolve()
        : new Promise((settle) => {
            asked = { count, settle }
          }),
    giveUp: () => {
      over = true
      inserted = []
      asked?.settle()
    },
  }
}
