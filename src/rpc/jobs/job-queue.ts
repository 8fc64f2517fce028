import { randomBytes } from 'node:crypto'
import { samePrincipal } from '../../access/authz/principal.js'
import type { RightEnd, RightEndReason } from '../../access/authz/right-end.js'
import type { DeviceStatus } from '../../fleet/device-status.js'
import type { Fleet } from '../../fleet/fleet.js'
import { inBackground } from '../../lib/background.js'
import type { JobAnswer, JobOwner } from '../../store/job.js'
import type { Jobs } from '../../store/store.js'
import type { Log } from '../../telemetry/log.js'
import type { QueuedJob } from './job-request.js'
import { type JobShelf, openJobShelf } from './job-shelf.js'
import { createJobTurns } from './job-turns.js'

/** Bounds on jobs; times in milliseconds. */
export interface JobLimits {
  readonly maxJobs: number
  readonly maxJobsPerUser: number
  /** For jobs that name none, and the most that one may name. */
  readonly jobLifetime: number
  readonly maxJobLifetime: number
  /** How long the answer of a finished one is kept. */
  readonly jobRetention: number
}

/** What somebody leaves; `lifetime` in milliseconds. */
export type JobToSubmit = Pick<QueuedJob, 'deviceId' | 'owner' | 'request'> & { readonly lifetime?: number }

export type Submission =
  | { readonly ok: true; readonly job: QueuedJob }
  | {
      readonly ok: false
      readonly cause: 'too-many-jobs' | 'not-written'
      readonly message: string
      readonly hint: string
    }

/** Calls that wait for their device. */
export interface JobQueue {
  readonly submit: (job: JobToSubmit) => Promise<Submission>
  readonly get: (id: string) => QueuedJob | undefined
  readonly list: () => readonly QueuedJob[]
  /** Cancels what waits for a device although its owner's right has ended. */
  readonly recheck: () => Promise<void>
  /** Takes back a job that has not begun, or forgets one that is finished; undefined where it runs. */
  readonly remove: (id: string) => Promise<QueuedJob | undefined>
  /** Begins no further job; those that run are answered for by whoever runs them. */
  readonly close: () => void
}

/** What came of a job that was begun. */
export interface JobRun {
  readonly answer: JobAnswer
  /** Whether the device was reached; where it was not, the job waits on. */
  readonly reached: boolean
}

export interface JobQueueOptions {
  readonly store: Pick<Jobs, 'list' | 'put' | 'remove'>
  readonly fleet: Pick<Fleet, 'device' | 'subscribe'>
  /** Carries out a job with the rights that its owner has now. */
  readonly run: (job: QueuedJob) => Promise<JobRun>
  /** Why the owner of a job has no right to anything any more; undefined while there is one. */
  readonly ended: (owner: JobOwner) => Promise<RightEnd | undefined>
  /** Why the owner has no right to the job's device any more, asked as it is to run; undefined while there is one. */
  readonly denied: (job: QueuedJob) => Promise<RightEnd | undefined>
  readonly limits: () => JobLimits
  readonly log: Log
  readonly now?: () => Date
}

/** Milliseconds between two looks at what has expired, and at what may have found its device busy. */
const SWEEP_INTERVAL = 5_000

export async function createJobQueue(options: JobQueueOptions): Promise<JobQueue> {
  const { store, fleet, ended, limits, log, now = () => new Date() } = options
  const parts: Parts = { ...options, now, shelf: await openJobShelf(store, log) }
  const { shelf } = parts
  let closed = false
  const turns = createJobTurns((deviceId) => runFor(parts, deviceId, () => closed))
  const attached = ({ deviceId }: { readonly deviceId: string }): void => {
    if (shelf.nextFor(deviceId, now()) !== undefined) turns.want(deviceId)
  }
  /** A job may have found its device busy or at its limit, of which no event tells the end. */
  const tryAgain = async (): Promise<void> => {
    const waiting = shelf.all().filter(({ state }) => state === 'queued')
    for (const deviceId of new Set(waiting.map((job) => job.deviceId)))
      if (!turns.isBusy(deviceId) && isThere(await fleet.device(deviceId))) attached({ deviceId })
  }

  await interruptRunning(parts)
  const stopListening = fleet.subscribe({ attached, replaced: attached, 'link-added': attached })
  const sweeping = setInterval(() => {
    sweep(parts)
    inBackground('jobs', tryAgain())
  }, SWEEP_INTERVAL)
  sweeping.unref()

  return {
    submit: async ({ lifetime, ...asked }) => {
      const refusal = tooMany(shelf, asked.owner, limits())
      if (refusal !== undefined) return refusal
      const { jobLifetime, maxJobLifetime } = limits()
      const createdAt = now()
      const expiresAt = new Date(createdAt.getTime() + Math.min(lifetime ?? jobLifetime, maxJobLifetime))
      const id = randomBytes(12).toString('hex')
      const job: QueuedJob = { ...asked, id, createdAt, expiresAt, state: 'queued' }
      if (!(await shelf.put(job))) {
        await shelf.remove(id)
        return NOT_WRITTEN
      }
      if (isThere(await fleet.device(job.deviceId))) attached(job)
      return { ok: true, job }
    },
    recheck: async () => {
      // Owners are few, jobs may be thousands.
      const asked = new Map<string, Promise<RightEnd | undefined>>()
      for (const job of shelf.all()) {
        if (job.state !== 'queued') continue
        const key = JSON.stringify(job.owner)
        const asking = asked.get(key) ?? ended(job.owner)
        asked.set(key, asking)
        const why = await asking
        if (why !== undefined) await cancel(parts, job, why)
      }
    },
    get: shelf.get,
    list: shelf.all,
    remove: async (id) => {
      const job = shelf.get(id)
      if (job === undefined || job.state === 'running') return undefined
      if (job.state !== 'queued') {
        await shelf.remove(id)
        return job
      }
      const cancelled: QueuedJob = { ...job, state: 'cancelled', finishedAt: now() }
      await shelf.put(cancelled)
      return cancelled
    },
    close: () => {
      closed = true
      turns.close()
      clearInterval(sweeping)
      stopListening()
    },
  }
}

/** Whether a device has a link, here or at another node. */
function isThere(device: DeviceStatus | undefined): boolean {
  return device?.link !== undefined || device?.node !== undefined
}

interface Parts extends Pick<JobQueueOptions, 'run' | 'ended' | 'denied' | 'limits' | 'log'> {
  readonly shelf: JobShelf
  readonly now: () => Date
}

/** Runs what waits for a device, as long as the device is there. */
async function runFor(parts: Parts, deviceId: string, isClosed: () => boolean): Promise<void> {
  const { shelf, ended, denied, log, now } = parts
  const next = (): QueuedJob | undefined => (isClosed() ? undefined : shelf.nextFor(deviceId, now()))
  for (let job = next(); job !== undefined; job = next()) {
    const why = (await ended(job.owner)) ?? (await denied(job))
    if (why !== undefined) {
      await cancel(parts, job, why)
      continue
    }
    // It may have been taken back meanwhile.
    if (shelf.get(job.id) !== job) continue
    const startedAt = now()
    await shelf.put({ ...job, state: 'running', startedAt })
    const { answer, reached } = await parts.run(job).catch((error: unknown) => failed(error, log))
    if (!reached) {
      await shelf.put(job)
      return
    }
    await shelf.put({ ...job, state: 'done', startedAt, finishedAt: now(), answer })
    log.info({ job: job.id, deviceId, user: job.owner.name, status: answer.status }, 'job done')
  }
}

function failed(error: unknown, log: Log): JobRun {
  log.error({ err: error }, 'job failed')
  return {
    answer: problem(500, 'internal-error', { detail: 'the bridge could not carry out this job' }),
    reached: true,
  }
}

async function cancel({ shelf, log, now }: Parts, job: QueuedJob, why: RightEnd): Promise<void> {
  if (shelf.get(job.id) !== job) return
  const { reason, message, hint } = why
  const answer = problem(403, reason, { detail: `the job was cancelled before it began: ${message}`, hint })
  await shelf.put({ ...job, state: 'cancelled', finishedAt: now(), answer })
  log.warn({ job: job.id, deviceId: job.deviceId, user: job.owner.name, reason, hint }, `job cancelled: ${message}`)
}

/** What the last process was about to carry out when it ended. */
async function interruptRunning({ shelf, now }: Parts): Promise<void> {
  const detail = 'the bridge stopped while the job ran; whether it was carried out is not known'
  for (const job of shelf.all())
    if (job.state === 'running')
      await shelf.put({
        ...job,
        state: 'interrupted',
        finishedAt: now(),
        answer: problem(502, 'outcome-unknown', { detail }),
      })
}

/** Ends what nobody came for, and forgets what has been finished for long. */
function sweep({ shelf, limits, now }: Parts): void {
  const { jobRetention } = limits()
  for (const job of shelf.all()) {
    if (job.state === 'queued' && job.expiresAt <= now()) {
      const detail = `device ${JSON.stringify(job.deviceId)} was not there in time`
      const answer = problem(504, 'job-expired', { detail })
      inBackground('jobs', shelf.put({ ...job, state: 'expired', finishedAt: now(), answer }))
    } else if (job.finishedAt !== undefined && now().getTime() - job.finishedAt.getTime() > jobRetention)
      inBackground('jobs', shelf.remove(job.id))
  }
}

function tooMany(shelf: JobShelf, owner: JobOwner, limits: JobLimits): Submission | undefined {
  const waiting = shelf.all().filter(({ state }) => state === 'queued' || state === 'running')
  const own = waiting.filter((job) => samePrincipal(job.owner, owner))
  const ownTooMany = own.length >= limits.maxJobsPerUser
  if (waiting.length < limits.maxJobs && !ownTooMany) return undefined
  return {
    ok: false,
    cause: 'too-many-jobs',
    message: ownTooMany
      ? `as many jobs of yours wait as may: ${own.length}`
      : `as many jobs wait as may: ${waiting.length}`,
    hint: 'wait for some of them, or raise endpoint.http.max-jobs or max-jobs-per-user',
  }
}

const NOT_WRITTEN: Submission = {
  ok: false,
  cause: 'not-written',
  message: 'the job could not be written, and would not survive a restart',
  hint: 'look at the log and at the disk of data-dir',
}

/** What a job ends with that got no answer, besides a right that ended. */
export type JobProblem = 'internal-error' | 'job-expired' | 'outcome-unknown'

function problem(
  status: number,
  cause: RightEndReason | JobProblem,
  why: { readonly detail: string; readonly hint?: string },
): JobAnswer {
  const type = `urn:homeport:problem:${cause}`
  const body = JSON.stringify({ type, title: 'The job has no answer', status, ...why })
  return { status, contentType: 'application/problem+json', body }
}
