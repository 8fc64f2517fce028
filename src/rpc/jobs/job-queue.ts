import { inBackground } from '../../lib/background.js'
import { randomBytes } from 'node:crypto'
import type { RightEnd, RightEndReason } from '../../access/authz/right-end.js'
import { samePrincipal } from '../../access/authz/principal.js'
import type { Fleet } from '../../fleet/fleet.js'
import type { Log } from '../../telemetry/log.js'
import type { Job, JobAnswer, JobOwner, JobStore } from '../../northbound/http/jobs/job.js'

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

export type Submission =
  | { readonly ok: true; readonly job: Job }
  | {
      readonly ok: false
      readonly cause: 'too-many-jobs' | 'not-written'
      readonly message: string
      readonly hint: string
    }

/** Calls that wait for their device. */
export interface JobQueue {
  submit(job: Pick<Job, 'deviceId' | 'owner' | 'request'> & { readonly lifetime?: number }): Promise<Submission>
  get(id: string): Job | undefined
  list(): readonly Job[]
  /** Cancels what waits for a device although its owner's right has ended. */
  recheck(): Promise<void>
  /** Takes back a job that has not begun, or forgets one that is finished; undefined where it runs. */
  remove(id: string): Promise<Job | undefined>
  /** Begins no further job; those that run are answered for by whoever runs them. */
  close(): void
}

/** Devices whose jobs run at once; those of one device run one after the other. */
const atOnce = 16
const sweepInterval = 5_000
/** What says that the device was not reached, so that a job may wait on. */
const waitOn = /^urn:homeport:problem:(not-connected|link-full|link-lost|shutting-down|too-many-calls)$/

export async function createJobQueue(options: {
  readonly store: JobStore
  readonly fleet: Pick<Fleet, 'device' | 'subscribe'>
  /** Carries out a call with the rights of its owner. */
  readonly run: (job: Job) => Promise<JobAnswer>
  /** Why the owner of a job has no right to anything any more; undefined while there is one. */
  readonly ended: (owner: JobOwner) => Promise<RightEnd | undefined>
  /** Why the owner has no right to the job's device any more, asked as it is to run; undefined while there is one. */
  readonly denied: (job: Job) => Promise<RightEnd | undefined>
  readonly limits: () => JobLimits
  readonly log: Log
  readonly now?: () => Date
}): Promise<JobQueue> {
  const { store, fleet, run, ended, denied, limits, log, now = () => new Date() } = options
  const jobs = new Map<string, Job>()
  const busy = new Set<string>()
  const ready = new Set<string>()
  let closed = false

  const save = async (job: Job): Promise<boolean> => {
    jobs.set(job.id, job)
    return store.put(job)
  }

  /** Runs what waits for a device, as long as the device is there. */
  const runFor = async (deviceId: string): Promise<void> => {
    busy.add(deviceId)
    try {
      for (let job = nextFor(deviceId); job !== undefined && !closed; job = nextFor(deviceId)) {
        const why = (await ended(job.owner)) ?? (await denied(job))
        if (why !== undefined) {
          await cancel(job, why)
          continue
        }
        // It may have been taken back meanwhile.
        if (jobs.get(job.id) !== job) continue
        const startedAt = now()
        await save({ ...job, state: 'running', startedAt })
        const answer = await run(job).catch((error: unknown) => failed(error))
        if (waitsOn(answer)) {
          await save(job)
          return
        }
        await save({ ...job, state: 'done', startedAt, finishedAt: now(), answer })
        log.info({ job: job.id, deviceId, user: job.owner.name, status: answer.status }, 'job done')
      }
    } finally {
      busy.delete(deviceId)
      startReady()
    }
  }
  const cancel = async (job: Job, why: RightEnd): Promise<void> => {
    if (jobs.get(job.id) !== job) return
    const { reason, message, hint } = why
    const answer = problem(403, reason, `the job was cancelled before it began: ${message}`, hint)
    await save({ ...job, state: 'cancelled', finishedAt: now(), answer })
    log.warn({ job: job.id, deviceId: job.deviceId, user: job.owner.name, reason, hint }, `job cancelled: ${message}`)
  }
  const failed = (error: unknown): JobAnswer => {
    log.error({ err: error }, 'job failed')
    return problem(500, 'internal-error', 'the bridge could not carry out this job')
  }
  const nextFor = (deviceId: string): Job | undefined =>
    [...jobs.values()].find((job) => job.deviceId === deviceId && job.state === 'queued' && job.expiresAt > now())

  const startReady = (): void => {
    for (const deviceId of ready) {
      if (closed || busy.size >= atOnce) return
      // Its turn comes when the job that runs is over: that one may have failed to reach the device that has just come back.
      if (busy.has(deviceId)) continue
      ready.delete(deviceId)
      inBackground('jobs', runFor(deviceId))
    }
  }
  const attached = ({ deviceId }: { readonly deviceId: string }): void => {
    if (nextFor(deviceId) === undefined) return
    ready.add(deviceId)
    startReady()
  }

  const sweep = (): void => {
    const { jobRetention } = limits()
    for (const job of jobs.values()) {
      if (job.state === 'queued' && job.expiresAt <= now()) {
        const answer = problem(504, 'job-expired', `device ${JSON.stringify(job.deviceId)} was not there in time`)
        inBackground('jobs', save({ ...job, state: 'expired', finishedAt: now(), answer }))
      } else if (job.finishedAt !== undefined && now().getTime() - job.finishedAt.getTime() > jobRetention) {
        jobs.delete(job.id)
        inBackground('jobs', store.remove(job.id))
      }
    }
  }

  /** A job may have found its device busy or at its limit, of which no event tells the end. */
  const tryAgain = async (): Promise<void> => {
    const waiting = new Set([...jobs.values()].filter(({ state }) => state === 'queued').map((job) => job.deviceId))
    for (const deviceId of waiting)
      if (!busy.has(deviceId) && (await fleet.device(deviceId))?.link !== undefined) attached({ deviceId })
  }

  for (const job of await store.list()) {
    jobs.set(job.id, job)
    if (job.state === 'running')
      await save({
        ...job,
        state: 'interrupted',
        finishedAt: now(),
        answer: problem(
          502,
          'outcome-unknown',
          'the bridge stopped while the job ran; whether it was carried out is not known',
        ),
      })
  }
  const stopListening = fleet.subscribe({ attached, replaced: attached })
  const sweeping = setInterval(() => {
    sweep()
    inBackground('jobs', tryAgain())
  }, sweepInterval)
  sweeping.unref()

  return {
    submit: async ({ lifetime, ...asked }) => {
      const { maxJobs, maxJobsPerUser, jobLifetime, maxJobLifetime } = limits()
      const waiting = [...jobs.values()].filter(({ state }) => state === 'queued' || state === 'running')
      const own = waiting.filter(({ owner }) => samePrincipal(owner, asked.owner))
      if (waiting.length >= maxJobs || own.length >= maxJobsPerUser)
        return {
          ok: false,
          cause: 'too-many-jobs',
          message: own.length >= maxJobsPerUser ? `${own.length} jobs of yours wait` : `${waiting.length} jobs wait`,
          hint: 'wait for some of them, or raise endpoint.http.max-jobs or max-jobs-per-user',
        }
      const createdAt = now()
      const expiresAt = new Date(createdAt.getTime() + Math.min(lifetime ?? jobLifetime, maxJobLifetime))
      const job: Job = { ...asked, id: randomBytes(12).toString('hex'), createdAt, expiresAt, state: 'queued' }
      if (!(await save(job))) {
        jobs.delete(job.id)
        return {
          ok: false,
          cause: 'not-written',
          message: 'the job could not be written, and would not survive a restart',
          hint: 'look at the log and at the disk of data-dir',
        }
      }
      if ((await fleet.device(job.deviceId))?.link !== undefined) attached(job)
      return { ok: true, job }
    },
    recheck: async () => {
      // Owners are few, jobs may be thousands.
      const asked = new Map<string, Promise<RightEnd | undefined>>()
      for (const job of jobs.values()) {
        if (job.state !== 'queued') continue
        const key = JSON.stringify(job.owner)
        const asking = asked.get(key) ?? ended(job.owner)
        asked.set(key, asking)
        const why = await asking
        if (why !== undefined) await cancel(job, why)
      }
    },
    get: (id) => jobs.get(id),
    list: () => [...jobs.values()],
    remove: async (id) => {
      const job = jobs.get(id)
      if (job === undefined || job.state === 'running') return undefined
      if (job.state !== 'queued') {
        jobs.delete(id)
        await store.remove(id)
        return job
      }
      const cancelled: Job = { ...job, state: 'cancelled', finishedAt: now() }
      await save(cancelled)
      return cancelled
    },
    close: () => {
      closed = true
      clearInterval(sweeping)
      stopListening()
    },
  }
}

function waitsOn({ status, body }: JobAnswer): boolean {
  if (status !== 503 && status !== 429) return false
  try {
    return waitOn.test((JSON.parse(body) as { readonly type?: string }).type ?? '')
  } catch {
    return false
  }
}

/** What a job ends with that got no answer, besides a right that ended. */
export type JobProblem = 'internal-error' | 'job-expired' | 'outcome-unknown'

function problem(status: number, cause: RightEndReason | JobProblem, detail: string, hint?: string): JobAnswer {
  const type = `urn:homeport:problem:${cause}`
  const body = JSON.stringify({ type, title: 'The job has no answer', status, detail, hint })
  return { status, contentType: 'application/problem+json', body }
}
