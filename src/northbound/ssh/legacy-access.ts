import type { AlgorithmLists } from '../../ssh/algorithms.js'

/** Who may log in on the listener for old clients, by which algorithms, and what may be reached from there. */
export interface LegacyAccess {
  readonly lists: AlgorithmLists
  /** The names of users; nobody else logs in there. */
  readonly users: ReadonlySet<string>
  /** Selectors of devices; nothing else is reached from there, whatever the user's roles. */
  readonly devices: readonly string[]
}
