import type { Log } from '../../telemetry/log.js'
import type { Jobs } from '../../store/store.js'
import type { QueuedJob } from './job-request.js'

/** Where jobs lie, in memory and over a restart. */
export interface JobShelf {
  readonly get: (id: string) => QueuedJob | undefined
  /** The oldest first. */
  readonly all: () => readonly QueuedJob[]
  /** The oldest job of a device that may begin. */
  readonly nextFor: (deviceId: string, now: Date) => QueuedJob | undefined
  /** Puts a job in the place of what is there; false when it could not be written, and would not outlast a restart. */
  readonly put: (job: QueuedJob) => Promise<boolean>
  /** Takes a job away, here at once. */
  readonly remove: (id: string) => Promise<void>
}

/** Reads all jobs that the store has. */
export async function openJobShelf(store: Pick<Jobs, 'list' | 'put' | 'remove'>, log: Log): Promise<JobShelf> {
  // This version wrote them, or an earlier one in the form that `EarlierCall` has.
  const stored = (await store.list()) as readonly QueuedJob[]
  const jobs = new Map(stored.map((job) => [job.id, job]))
  const isWritten = (written: Awaited<ReturnType<Jobs['put']>>): boolean => {
    if (!written.ok)
      log.error({ hint: written.failure.hint }, `job not written to the store: ${written.failure.message}`)
    return written.ok
  }
  return {
    get: (id) => jobs.get(id),
    all: () => [...jobs.values()],
    nextFor: (deviceId, now) =>
      [...jobs.values()].find((job) => job.deviceId === deviceId && job.state === 'queued' && job.expiresAt > now),
    put: async (job) => {
      jobs.set(job.id, job)
      return isWritten(await store.put(job))
    },
    remove: async (id) => {
      jobs.delete(id)
      isWritten(await store.remove(id))
    },
  }
}
