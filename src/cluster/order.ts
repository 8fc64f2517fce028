/** When a node proved a device, and which node did. */
export interface ProvenThere {
  readonly node: string
  /** Milliseconds since 1970 by the clock of the engine. */
  readonly provenAt: number
}

/**
 * Whether a link was proven later than another one. The one whose device dialled last counts; of two that were proven
 * in one millisecond, the one at the node whose name comes later, so that all nodes and the engine agree. The epoch
 * says nothing of this: a late claim of an older link gets the higher one.
 */
export function isNewer(one: ProvenThere, other: ProvenThere): boolean {
  return one.provenAt > other.provenAt || (one.provenAt === other.provenAt && one.node > other.node)
}
