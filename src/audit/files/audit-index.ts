import { Worker } from 'node:worker_threads'
import { createBlockGatherer, type LineSubject } from './audit-block.js'
import type { AuditRetention } from './audit-pruning.js'
import type { AuditPage, AuditQuery } from '../audit-query.js'
import type { ThreadAnswer, ThreadOptions, ThreadRequest } from './index-thread.js'
import { within } from '../../lib/deadline.js'
import { whyThreadEnded } from '../../lib/why-thread-ended.js'
import type { StoreFailure } from '../../store/store.js'

/**
 * The audit log for queries, in a database on a thread of its own, so that neither writing nor searching it holds up a
 * session. It may lag behind or lack lines, and says so: the audit log's file is what counts.
 */
export interface AuditIndex {
  readonly append: (line: string, subject: LineSubject) => void
  /** Rejects with an error whose `cause` is the `StoreFailure`. */
  readonly find: (query: AuditQuery) => Promise<AuditPage>
  readonly retain: (retention: AuditRetention) => void
  /** Writes what waits and ends the thread. */
  readonly close: () => Promise<void>
}

export interface AuditIndexOptions extends ThreadOptions {
  /** Told when lines are missing from now on, with why, and with undefined when lines go in again. */
  readonly onState: (problem: StoreFailure | undefined, missing: number) => void
  /** Starts the thread; a test runs its own. */
  readonly start?: (options: ThreadOptions) => IndexThread
}

/** Our side of the thread. */
export interface IndexThread {
  /** @param transfer memory that becomes the thread's */
  readonly postMessage: (request: ThreadRequest, transfer?: readonly ArrayBuffer[]) => void
  readonly on: ((event: 'message', listener: (answer: ThreadAnswer) => void) => unknown) &
    ((event: 'error', listener: (error: unknown) => void) => unknown)
}

/** Milliseconds that lines are gathered before they are handed over; a query does not wait for it. */
const GATHER = 1000
/**
 * Lines that are handed over at once: a block costs sessions on other cores something too, and a large one not much
 * more than a small one.
 */
const BATCH = 2500
/** Milliseconds that writing what waits may take at the end. */
const CLOSE_TIMEOUT = 10_000
/** Lines that the thread may be behind; more are left out. */
const MAX_BEHIND = 50_000

export function openAuditIndex({ onState, start = startThread, ...options }: AuditIndexOptions): AuditIndex {
  const thread = start(options)
  const finding = new Map<number, { resolve: (page: AuditPage) => void; reject: (error: Error) => void }>()
  const gathered = createBlockGatherer()
  let behind = 0
  let missing = 0
  let failing = false
  let asked = 0
  let timer: NodeJS.Timeout | undefined
  let ended: StoreFailure | undefined
  let tellClosed: () => void = () => undefined

  const lose = (lines: number, problem: StoreFailure): void => {
    missing += lines
    if (failing) return
    failing = true
    onState(problem, missing)
  }
  const handOver = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (gathered.count() === 0) return
    const block = gathered.take()
    if (ended !== undefined) lose(block.count, ended)
    else if (behind + block.count > MAX_BEHIND) lose(block.count, lagging(options.file))
    else {
      behind += block.count
      thread.postMessage({ kind: 'insert', block }, [block.lines.buffer])
    }
  }

  thread.on('message', (answer: ThreadAnswer) => {
    if (answer.kind === 'inserted') {
      behind -= answer.lines
      if (answer.failure !== undefined) lose(answer.lines, answer.failure)
      else if (failing && behind < MAX_BEHIND / 2) {
        failing = false
        onState(undefined, missing)
        missing = 0
      }
    } else if (answer.kind === 'closed') tellClosed()
    else {
      const asking = finding.get(answer.id)
      finding.delete(answer.id)
      if (answer.kind === 'found') asking?.resolve(answer.page)
      else asking?.reject(failure(answer.failure))
    }
  })
  thread.on('error', (error: unknown) => {
    ended = broken(options.file, error)
    lose(behind, ended)
    behind = 0
    for (const { reject } of finding.values()) reject(failure(ended))
    finding.clear()
    tellClosed()
  })

  return {
    append: (line, subject) => {
      gathered.add(line, subject)
      if (gathered.count() >= BATCH) handOver()
      else timer ??= setTimeout(handOver, GATHER)
    },
    find: (query) => {
      handOver()
      if (ended !== undefined) return Promise.reject(failure(ended))
      asked += 1
      const id = asked
      return new Promise((resolve, reject) => {
        finding.set(id, { resolve, reject })
        thread.postMessage({ kind: 'find', id, query })
      })
    },
    retain: (retention) => thread.postMessage({ kind: 'retain', retention }),
    close: async () => {
      handOver()
      if (ended !== undefined) return
      const closed = new Promise<void>((resolve) => {
        tellClosed = resolve
      })
      thread.postMessage({ kind: 'close' })
      // The thread alone does not keep the process alive; and one that hangs does not keep it from ending.
      await within(CLOSE_TIMEOUT, closed)
    },
  }
}

function startThread(options: ThreadOptions): IndexThread {
  const worker = new Worker(new URL('index-worker.js', import.meta.url), { workerData: options })
  worker.unref()
  return worker
}

function lagging(file: string): StoreFailure {
  return {
    reason: 'io',
    message: `${file}: more lines come than can be written`,
    hint: 'nothing is lost: the audit log’s own file has all lines',
  }
}

function broken(file: string, error: unknown): StoreFailure {
  return {
    reason: 'io',
    message: `${file}: its thread ended (${whyThreadEnded(error)})`,
    hint: 'the audit log’s own file has all lines; restart the bridge to query new ones, and please report this',
  }
}

function failure(problem: StoreFailure): Error {
  return new Error(problem.message, { cause: problem })
}
