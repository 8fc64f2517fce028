/** What goes wrong on a device on demand; changed while it runs. */
export interface Faults {
  /** Milliseconds that every reply waits. */
  replyDelay: number
  /** Whether the reply at hand is to be cut off half way, connection and all; each order holds once. */
  readonly takeDrop: () => boolean
  /** Orders the next reply, on whichever session, to be cut off. */
  readonly dropNextReply: () => void
}

/** A device without faults, unless its replies are slow from the start. */
export function createFaults(replyDelay = 0): Faults {
  let drops = 0
  return {
    replyDelay,
    takeDrop: () => {
      if (drops === 0) return false
      drops -= 1
      return true
    },
    dropNextReply: () => {
      drops += 1
    },
  }
}
