/** Pieces of work of which each begins once the one before is over. */
export interface WorkInOrder {
  readonly add: (piece: () => void | Promise<void>) => void
  /** Settles once all that was added is done; undefined where nothing is under way. */
  readonly underWay: () => Promise<void> | undefined
}

/** @param onFault told of a piece that failed; those after it are done all the same */
export function createWorkInOrder(onFault: (error: unknown) => void): WorkInOrder {
  let work: Promise<void> | undefined
  return {
    add: (piece) => {
      const done = (work ?? Promise.resolve())
        .then(piece)
        .catch(onFault)
        .then(() => {
          if (work === done) work = undefined
        })
      work = done
    },
    underWay: () => work,
  }
}
