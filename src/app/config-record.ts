import { changedSince, type SourcesRead } from '../config/sources-read.js'
import type { ConfigurationFacts, FailedReload } from '../northbound/http/routes/bridge.js'

/** What a bridge remembers of its configuration file: when it was read, and which reloads have failed since. */
export interface ConfigRecord {
  /** Absolute. */
  readonly file: string
  readonly noteRead: (sources: SourcesRead) => void
  readonly noteUsersRead: () => void
  /** The last attempt counts; problems hold no secret. */
  readonly noteFailure: (what: FailedReload['what'], problems: FailedReload['problems']) => void
  /** As it is now, compared with the files. */
  readonly facts: () => Promise<ConfigurationFacts>
}

/** Problems that are kept: whoever mends the first ones sees the others by `homeport check-config`. */
const MOST_PROBLEMS = 20

/** The record of a configuration that has just been read. */
export function createConfigRecord(file: string, sources: SourcesRead): ConfigRecord {
  let read = { at: new Date(), sources }
  const failures = new Map<FailedReload['what'], FailedReload>()
  return {
    file,
    noteRead: (next) => {
      read = { at: new Date(), sources: next }
      failures.clear()
    },
    noteUsersRead: () => failures.delete('users-file'),
    noteFailure: (what, problems) => {
      failures.set(what, { what, at: new Date(), problems: problems.slice(0, MOST_PROBLEMS) })
    },
    facts: async () => ({
      readAt: read.at,
      changed: await changedSince(read.sources),
      failedReloads: [...failures.values()],
    }),
  }
}
