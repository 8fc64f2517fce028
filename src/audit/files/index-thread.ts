import { failureOfOpening } from '../../store/sqlite/sqlite-failure.js'
import type { AuditBlock } from './audit-block.js'
import { openAuditDatabase, type AuditDatabase } from './audit-database.js'
import type { AuditRetention } from './audit-pruning.js'
import { whyThreadEnded } from '../../lib/why-thread-ended.js'
import type { AuditPage, AuditQuery } from '../audit-query.js'
import type { StoreFailure } from '../../store/store.js'

/** What the thread of the audit log's database is asked. */
export type ThreadRequest =
  | { readonly kind: 'insert'; readonly block: AuditBlock }
  | { readonly kind: 'find'; readonly id: number; readonly query: AuditQuery }
  | { readonly kind: 'retain'; readonly retention: AuditRetention }
  | { readonly kind: 'close' }

/** What it answers. */
export type ThreadAnswer =
  /** So many lines were dealt with: they are in the database, or the problem says why not. */
  | { readonly kind: 'inserted'; readonly lines: number; readonly failure?: StoreFailure }
  | { readonly kind: 'found'; readonly id: number; readonly page: AuditPage }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: StoreFailure }
  | { readonly kind: 'closed' }

export interface ThreadOptions {
  readonly file: string
  readonly retention: AuditRetention
}

/** Where requests come from and answers go to: the other side of the thread. */
export interface ThreadPort {
  readonly postMessage: (answer: ThreadAnswer) => void
  readonly on: (event: 'message', listener: (request: ThreadRequest) => void) => unknown
  readonly close: () => void
}

/** Milliseconds that a statement may wait for another process that reads the file. */
const BUSY_TIMEOUT = 2000
/** Milliseconds between two looks for what is too old, where no line comes. */
const PRUNE_INTERVAL = 60_000

/**
 * Serves the audit log's database on this thread until it is asked to close. A file that cannot be opened is tried
 * again with each request, and so is one that turns out to be damaged.
 */
export function serveAuditIndex(port: ThreadPort, { file, retention: initial }: ThreadOptions): void {
  let retention = initial
  let database: AuditDatabase | undefined

  const use = <T>(work: (database: AuditDatabase) => T): Attempt<T> => {
    try {
      if (database === undefined) {
        const opened = openAuditDatabase(file, { busyTimeout: BUSY_TIMEOUT })
        if (opened === 'newer') return { ok: false, failure: newer(file) }
        database = opened
      }
      return { ok: true, value: work(database) }
    } catch (error) {
      const failure = failureIn(error, file)
      // Opened anew with the next request: somebody may have moved it away until then.
      if (failure.reason === 'corrupt') {
        database?.close()
        database = undefined
      }
      return { ok: false, failure }
    }
  }
  const prune = (): void => {
    const pruned = use((open) => open.prune(retention, Date.now()))
    if (pruned.ok && pruned.value) setImmediate(prune)
  }
  const pruning = setInterval(prune, PRUNE_INTERVAL)

  port.on('message', (request) => {
    if (request.kind === 'insert') {
      const inserted = use((open) => open.insert(request.block))
      const problem = inserted.ok ? {} : { failure: inserted.failure }
      port.postMessage({ kind: 'inserted', lines: request.block.count, ...problem })
      if (inserted.ok) prune()
    } else if (request.kind === 'find') {
      const found = use((open) => open.find(request.query))
      port.postMessage(
        found.ok
          ? { kind: 'found', id: request.id, page: found.value }
          : { kind: 'failed', id: request.id, failure: found.failure },
      )
    } else if (request.kind === 'retain') {
      retention = request.retention
    } else {
      clearInterval(pruning)
      database?.close()
      port.postMessage({ kind: 'closed' })
      port.close()
    }
  })
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: StoreFailure }

/** What any error means: one that ended this thread would leave no answer, and lose its words on the way out. */
function failureIn(error: unknown, file: string): StoreFailure {
  const failure = failureOfOpening(error, file)
  if (failure?.reason === 'corrupt') return { ...failure, hint: MOVE_AWAY }
  const message = `${file}: a fault of the bridge (${whyThreadEnded(error)})`
  return failure ?? { reason: 'io', message, hint: 'please report this: the audit log’s own file has all lines' }
}

const MOVE_AWAY = 'move it and its -wal file away, and a new one is begun: the audit log’s own file has all lines'

function newer(file: string): StoreFailure {
  return {
    reason: 'io',
    message: `${file}: was written by a newer Homeport`,
    hint: 'run that version or a later one, or move the file away: the audit log’s own file has all lines',
  }
}
