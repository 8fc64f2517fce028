import type { Principal } from '../access/authz/principal.js'
import type { Scope } from '../access/authz/scope.js'

/** Whose rights a job runs with; they are looked up when it runs. */
export interface JobOwner extends Principal {
  /** What the proof of the caller left of the user's rights; absent for all of them. */
  readonly scopes?: readonly Scope[]
  readonly devices?: readonly string[]
  /** The id of the token that it was left with: it does not run once that is revoked or has expired. */
  readonly token?: string
  /** Roles that an issuer or the hook gave; absent where those of the user's entry count when it runs. */
  readonly roles?: readonly string[]
  /** When what proved the owner ends, in milliseconds since 1970. */
  readonly until?: number
}

/** `interrupted`: the bridge stopped while it ran, so whether it was carried out is not known. */
export type JobState = 'queued' | 'running' | 'done' | 'expired' | 'cancelled' | 'interrupted'

/**
 * A call that is carried out once its device is there. What it asks for is plain data, whose form whoever runs jobs
 * knows; it may hold secrets, as a device's configuration does.
 */
export interface Job<Request = unknown> {
  readonly id: string
  readonly deviceId: string
  readonly owner: JobOwner
  readonly createdAt: Date
  /** It is not begun after this. */
  readonly expiresAt: Date
  readonly request: Request
  readonly state: JobState
  readonly startedAt?: Date
  readonly finishedAt?: Date
  readonly answer?: JobAnswer
}

/** What the call would have been answered with. */
export interface JobAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}
