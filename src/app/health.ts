import type { Server } from 'node:net'
import type { Health, Unready } from '../northbound/http/health.js'
import type { Store } from '../store/store.js'
import type { RunningAuditLog } from './audit-log.js'

export interface HealthSources {
  readonly started: () => boolean
  /** Aborted when the bridge is stopping. */
  readonly draining: AbortSignal
  readonly store: { readonly enrolments: Pick<Store['enrolments'], 'count'>; readonly problem: Store['problem'] }
  /** Whether other nodes have the same store: where it fails, no node is better than this one. */
  readonly storeIsShared: boolean
  readonly audit: Pick<RunningAuditLog, 'refuses'>
  /** What has to listen, by its key in the configuration. */
  readonly listening: Readonly<Record<string, Pick<Server, 'listening'>>>
}

/** How the bridge is, asked of its parts each time. The answer goes to whoever asks, so it names no file. */
export function healthOf({ started, draining, store, storeIsShared, audit, listening }: HealthSources): Health {
  return {
    started,
    unready: async () => {
      if (draining.aborted) return [{ part: 'bridge', message: 'it is stopping' }]
      const silent = Object.entries(listening).flatMap(([part, server]): readonly Unready[] =>
        server.listening ? [] : [{ part, message: 'it does not listen' }],
      )
      return [...silent, ...(storeIsShared ? [] : await storeProblems(store)), ...auditProblems(audit)]
    },
    degraded: () => (storeIsShared && store.problem() !== undefined ? ['store'] : []),
  }
}

async function storeProblems({ enrolments, problem }: HealthSources['store']): Promise<readonly Unready[]> {
  try {
    await enrolments.count('pending')
  } catch {
    return [{ part: 'store', message: 'it cannot be read; the log says why' }]
  }
  const failure = problem()
  if (failure === undefined) return []
  const { reason } = failure
  return [{ part: 'store', message: `it cannot be written (${reason}), so no new device is taken; the log says more` }]
}

function auditProblems({ refuses }: HealthSources['audit']): readonly Unready[] {
  const failure = refuses()
  if (failure === undefined) return []
  const { reason } = failure
  return [{ part: 'audit', message: `it cannot be written (${reason}), so no new session is taken; the log says more` }]
}
