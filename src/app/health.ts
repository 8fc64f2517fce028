import type { Server } from 'node:net'
import type { Health, Unready } from '../northbound/http/health.js'
import type { Store } from '../store/store.js'

export interface HealthSources {
  readonly started: () => boolean
  /** Aborted when the bridge is stopping. */
  readonly draining: AbortSignal
  readonly store: Pick<Store, 'enrolments'>
  /** What has to listen, by its key in the configuration. */
  readonly listening: Readonly<Record<string, Server>>
}

/** How the bridge is, asked of its parts each time. */
export function healthOf({ started, draining, store, listening }: HealthSources): Health {
  return {
    started,
    unready: async () => {
      if (draining.aborted) return [{ part: 'bridge', message: 'it is stopping' }]
      const silent = Object.entries(listening).flatMap(([part, server]): readonly Unready[] =>
        server.listening ? [] : [{ part, message: 'it does not listen' }],
      )
      return [...silent, ...(await storeProblems(store))]
    },
  }
}

/** The answer goes to whoever asks, so it names no file. */
async function storeProblems({ enrolments }: HealthSources['store']): Promise<readonly Unready[]> {
  try {
    await enrolments.count('pending')
    return []
  } catch {
    return [{ part: 'store', message: 'it cannot be read; the log says why' }]
  }
}
