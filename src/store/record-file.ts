import { type FileProblem, fileProblem } from './file-problem.js'
import { createLineFile, FileFailure, type Rotation } from './line-file.js'

/** Bounds on the record's file; octets and milliseconds. */
export interface RecordFileLimits extends Rotation {
  /** How long a line waits at most before it is written. */
  readonly flushInterval: number
  /** Octets of lines that wait in memory while they cannot be written; more are lost, and counted. */
  readonly maxWaiting: number
}

export interface RecordFileOptions {
  readonly path: string
  readonly limits: RecordFileLimits
  /** Told when lines cannot be written any more, and with undefined when they can again. */
  readonly onState: (problem: FileProblem | undefined) => void
  /** Told how many lines were lost while they could not be written, once it is over. */
  readonly onLost: (lines: number) => void
}

/** Lines that are on the disk within the flush interval, whoever is killed then. Writing never holds up whoever writes. */
export interface RecordFile {
  readonly append: (line: string) => void
  readonly problem: () => FileProblem | undefined
  readonly configure: (limits: RecordFileLimits) => void
  /** Opens the file and takes away what a killed process left of a last line; answers what stands in the way. */
  readonly prepare: () => Promise<FileProblem | undefined>
  /** Lets go of the file, for those who moved it away; the next line makes a new one. */
  readonly reopen: () => void
  /** Writes what waits, as far as that can be done, and lets go of the file. */
  readonly close: () => Promise<void>
}

/** Octets that are written at once, and that do not wait for the interval to be over. */
const BATCH = 256 * 1024
/** Milliseconds between attempts while lines cannot be written. */
const RETRY = 1000

export function openRecordFile({ path, limits: initial, onState, onLost }: RecordFileOptions): RecordFile {
  let limits = initial
  const file = createLineFile(path, () => limits)
  const waiting: string[] = []
  let waitingOctets = 0
  let lost = 0
  let problem: FileProblem | undefined
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> | undefined
  let closed = false

  const tell = (next: FileProblem | undefined): void => {
    const changed = next?.message !== problem?.message
    problem = next
    if (changed) onState(next)
  }

  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = batchOf(waiting)
      const written = await file.append(batch)
      for (const line of waiting.splice(0, written)) waitingOctets -= line.length
      tell(undefined)
      if (lost > 0) tellLost()
    }
  }
  const tellLost = (): void => {
    const lines = lost
    lost = 0
    keep(JSON.stringify({ time: new Date().toISOString(), event: 'lines-lost', lines }))
    onLost(lines)
  }
  const keep = (line: string): void => {
    waiting.push(line)
    waitingOctets += line.length
  }

  const failed = (error: unknown): void => tell(error instanceof FileFailure ? error.problem : fileProblem(error, path))
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
    if (closed || waiting.length === 0 || flushing !== undefined) return
    if (waitingOctets >= BATCH && problem === undefined) void flush()
    else timer ??= setTimeout(() => void flush(), problem === undefined ? limits.flushInterval : RETRY)
  }

  return {
    append: (line) => {
      if (waitingOctets + line.length > limits.maxWaiting) lost += 1
      else keep(line)
      schedule()
    },
    problem: () => problem,
    configure: (next) => {
      limits = next
    },
    prepare: async () => {
      await file.prepare().catch(failed)
      return problem
    },
    reopen: () => {
      void (flushing ?? Promise.resolve()).then(file.release)
    },
    close: async () => {
      await flushing
      closed = true
      await flush()
      await file.release()
      if (waiting.length + lost > 0) onLost(waiting.length + lost)
      clearTimeout(timer)
    },
  }
}

function batchOf(lines: readonly string[]): readonly string[] {
  let octets = 0
  let count = 0
  for (const line of lines) {
    octets += line.length
    if (count > 0 && octets > BATCH) break
    count += 1
  }
  return lines.slice(0, count)
}
