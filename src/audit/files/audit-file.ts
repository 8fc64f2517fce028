import { inBackground } from '../../lib/background.js'
import { type FileFailure, fileFailure } from './file-error.js'
import { createLineFile, FileError, type Rotation } from './line-file.js'
import { createLineQueue } from './line-queue.js'

/** Bounds on the audit log's file; bytes and milliseconds. */
export interface AuditFileLimits extends Rotation {
  /** How long a line waits at most before it is written. */
  readonly flushInterval: number
  /** Bytes of lines that wait in memory while they cannot be written; more are lost, and counted. */
  readonly maxWaiting: number
}

export interface AuditFileOptions {
  readonly path: string
  readonly limits: AuditFileLimits
  /** Told when lines cannot be written any more, and with undefined when they can again. */
  readonly onState: (problem: FileFailure | undefined) => void
  /** Told how many lines were lost while they could not be written, once it is over. */
  readonly onLost: (lines: number) => void
}

/**
 * Lines that are on the disk within the flush interval, whoever is killed then. Writing never holds up whoever writes.
 */
export interface AuditFile {
  readonly append: (line: string) => void
  readonly problem: () => FileFailure | undefined
  readonly configure: (limits: AuditFileLimits) => void
  /** Opens the file and takes away what a killed process left of a last line; answers what stands in the way. */
  readonly prepare: () => Promise<FileFailure | undefined>
  /** Lets go of the file, for those who moved it away; the next line makes a new one. */
  readonly reopen: () => void
  /** Writes what waits, as far as that can be done, and lets go of the file. */
  readonly close: () => Promise<void>
}

/** Bytes that are written at once, and that do not wait for the interval to be over. */
const BATCH = 256 * 1024
/** Milliseconds between attempts while lines cannot be written. */
const RETRY = 1000

export function openAuditFile({ path, limits: initial, onState, onLost }: AuditFileOptions): AuditFile {
  let limits = initial
  const file = createLineFile(path, () => limits)
  const waiting = createLineQueue()
  let lost = 0
  let problem: FileFailure | undefined
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> | undefined
  let closed = false

  const tell = (next: FileFailure | undefined): void => {
    const changed = next?.message !== problem?.message
    problem = next
    if (changed) onState(next)
  }

  const write = async (): Promise<void> => {
    if (problem !== undefined && waiting.bytes() === 0) {
      await file.prepare()
      tell(undefined)
    }
    while (waiting.bytes() > 0) {
      waiting.drop(await file.append(waiting.first(BATCH)))
      tell(undefined)
      if (lost > 0) tellLost()
    }
  }
  const tellLost = (): void => {
    const lines = lost
    lost = 0
    waiting.push(JSON.stringify({ time: new Date().toISOString(), event: 'lines-lost', lines }))
    onLost(lines)
  }

  const failed = (error: unknown): void => tell(error instanceof FileError ? error.problem : fileFailure(error, path))
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    flushing ??= write()
      .catch(failed)
      .finally(() => {
        flushing = undefined
        schedule()
      })
    return flushing
  }
  const schedule = (): void => {
    if (closed || flushing !== undefined) return
    const later = (delay: number): NodeJS.Timeout => setTimeout(() => inBackground('store', flush()), delay)
    // Also where no line waits: whoever sends no sessions here until it goes on would wait for ever.
    if (problem !== undefined) timer ??= later(RETRY).unref()
    else if (waiting.bytes() >= BATCH) inBackground('store', flush())
    else if (waiting.bytes() > 0) timer ??= later(limits.flushInterval)
  }

  return {
    append: (line) => {
      if (waiting.bytes() + line.length + 1 > limits.maxWaiting) lost += 1
      else waiting.push(line)
      schedule()
    },
    problem: () => problem,
    configure: (next) => {
      limits = next
    },
    prepare: async () => {
      await file.prepare().catch(failed)
      schedule()
      return problem
    },
    reopen: () => {
      const released = (flushing ?? Promise.resolve()).then(file.release)
      inBackground('store', released)
    },
    close: async () => {
      await flushing
      closed = true
      await flush()
      await file.release()
      const left = waiting.count() + lost
      if (left > 0) onLost(left)
      clearTimeout(timer)
    },
  }
}
