import { Worker } from 'node:worker_threads'
import { type SelectableDevice, selectsDevice } from '../access/authz/device-selector.js'
import { within } from '../lib/deadline.js'
import { whyThreadEnded } from '../lib/why-thread-ended.js'
import type { SessionObserver } from './session-audit.js'
import type { SessionInfo } from './audit-event.js'
import type { FileFailure } from './files/file-error.js'
import type { TranscriptAnswer, TranscriptRequest, TranscriptSettings } from './files/transcript-thread.js'

/**
 * Whose sessions are written down in full: those of these users, and those on devices that one of the selectors
 * matches.
 */
export interface TranscriptChoice {
  readonly users: readonly string[]
  readonly devices: readonly string[]
}

/**
 * Writes down sessions in full, without their secrets, on a thread of its own that runs only once there is one to
 * write.
 */
export interface Transcripts {
  /** Who follows a session; undefined for one that is not written down. */
  readonly observe: (info: SessionInfo) => SessionObserver | undefined
  readonly configure: (choice: TranscriptChoice, settings: TranscriptSettings) => void
  readonly close: () => Promise<void>
}

export interface TranscriptsOptions {
  readonly choice: TranscriptChoice
  readonly settings: TranscriptSettings
  readonly device: (id: string) => SelectableDevice
  /** Told of a session that is not written down, or no further. */
  readonly onProblem: (info: SessionInfo, problem: FileFailure) => void
  /** Starts the thread; a test runs its own. */
  readonly start?: (settings: TranscriptSettings) => TranscriptThread
}

/** Our side of the thread. */
export interface TranscriptThread {
  readonly postMessage: (request: TranscriptRequest) => void
  readonly on: ((event: 'message', listener: (answer: TranscriptAnswer) => void) => unknown) &
    ((event: 'error', listener: (error: unknown) => void) => unknown)
}

/** Bytes that the thread may be behind; a session that says more then is written down no further. */
const MAX_BEHIND = 32 * 1024 * 1024
const CLOSE_TIMEOUT = 10_000

export function createTranscripts({
  choice: firstChoice,
  settings: firstSettings,
  device,
  onProblem,
  start = startThread,
}: TranscriptsOptions): Transcripts {
  let choice = firstChoice
  let settings = firstSettings
  let thread: TranscriptThread | undefined
  let sessions = 0
  let behind = 0
  let failure: FileFailure | undefined
  let tellEnded: () => void = () => undefined

  const running = (): TranscriptThread => {
    if (thread !== undefined) return thread
    const started = start(settings)
    started.on('message', (answer: TranscriptAnswer) => {
      if (answer.kind === 'done') behind -= answer.bytes
      else if (answer.kind === 'failed') onProblem(answer.info, answer.failure)
      else tellEnded()
    })
    started.on('error', (error: unknown) => {
      failure = threadEnded(error)
      tellEnded()
    })
    thread = started
    return started
  }
  const wanted = ({ user, deviceId }: SessionInfo): boolean =>
    choice.users.includes(user) ||
    (choice.devices.length > 0 && choice.devices.some((selector) => selectsDevice(selector, device(deviceId))))

  return {
    observe: (info) => {
      if (!wanted(info)) return undefined
      sessions += 1
      const session = sessions
      const to = running()
      /** Milliseconds since 1970 at the clock's zero. */
      const zero = Date.now() - performance.now()
      let followed = true
      const stop = (problem: FileFailure, at: number): void => {
        followed = false
        onProblem(info, problem)
        to.postMessage({ kind: 'close', session, time: zero + at })
      }
      const say = (from: 'client' | 'device', bytes: Buffer, at: number): void => {
        if (!followed) return
        if (failure !== undefined) return stop(failure, at)
        if (behind + bytes.length > MAX_BEHIND) return stop(tooFarBehind, at)
        behind += bytes.length
        to.postMessage({ kind: 'said', session, from, bytes: Uint8Array.from(bytes), time: zero + at })
      }
      to.postMessage({ kind: 'open', session, info, time: Date.now() })
      return {
        fromClient: (bytes, at) => say('client', bytes, at),
        fromDevice: (bytes, at) => say('device', bytes, at),
        end: (at) => {
          if (followed) to.postMessage({ kind: 'close', session, time: zero + at })
          followed = false
        },
      }
    },
    configure: (nextChoice, nextSettings) => {
      choice = nextChoice
      settings = nextSettings
      thread?.postMessage({ kind: 'configure', settings })
    },
    close: async () => {
      const ending = thread
      if (ending === undefined || failure !== undefined) return
      const ended = new Promise<void>((resolve) => {
        tellEnded = resolve
      })
      ending.postMessage({ kind: 'end' })
      await within(CLOSE_TIMEOUT, ended)
    },
  }
}

function startThread(settings: TranscriptSettings): TranscriptThread {
  const worker = new Worker(new URL('transcript-worker.js', import.meta.url), { workerData: settings })
  worker.unref()
  return worker
}

const tooFarBehind: FileFailure = {
  reason: 'io',
  message: 'more is said than can be written',
  hint: 'write down fewer sessions: audit.full.users, audit.full.devices',
}

function threadEnded(error: unknown): FileFailure {
  const message = `the thread that writes ended (${whyThreadEnded(error)})`
  return { reason: 'io', message, hint: 'restart the bridge, and please report this' }
}
