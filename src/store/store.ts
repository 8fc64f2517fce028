import type { ApiToken } from '../access/authn/api-token.js'
import type { EndpointLease } from './endpoint-lease.js'
import type { Enrolment, LastSeen, Standing } from './enrolment.js'
import type { Job } from './job.js'

/**
 * What must survive a restart. Reads answer from what is there, also while nothing can be written; one that fails all
 * the same rejects with an error whose `cause` is the `StoreFailure`. Writes answer a `StoreResult`.
 */
export interface Store {
  readonly enrolments: Enrolments
  readonly tokens: Tokens
  readonly jobs: Jobs
  readonly endpoints: EndpointLeases
  readonly attached: AttachedDevices
  /** Why what was written last could not be, undefined where it was; something is written every half minute. */
  readonly problem: () => StoreFailure | undefined
  /**
   * Writes what still waits, such as when devices were last seen, and lets go of the files. The store is closed
   * afterwards, whatever the answer.
   */
  readonly close: () => Promise<StoreResult<undefined>>
}

export interface Enrolments {
  readonly get: (deviceId: string) => Promise<Enrolment | undefined>
  /** By device id in the order of its bytes, all of them unless limited. What changes meanwhile is in it or not. */
  readonly list: (options?: ListOptions) => Promise<readonly Enrolment[]>
  /** Those that a key is pinned to: how a device that says no id is found. */
  readonly withPin: (blob: Buffer) => Promise<readonly Enrolment[]>
  readonly count: (standing?: Standing) => Promise<number>
  /** How many pending device ids called from a source address, as far as their addresses remember. */
  readonly pendingFrom: (address: string) => Promise<number>
  /**
   * Changes one enrolment in one transaction and answers what is stored now. `change` gets what is stored and gives
   * what shall be; undefined removes it, the same object leaves it. It must be pure: a store may call it more than
   * once.
   * @param writer whom subscribers are told as the writer
   */
  readonly update: (
    deviceId: string,
    change: (current: Enrolment | undefined) => Enrolment | undefined,
    writer?: string,
  ) => Promise<StoreResult<Enrolment | undefined>>
  /**
   * Has each change that is written from now on told, whoever wrote it, also another process on the same store; that
   * a device was seen is none. It is told some time after it was written, those of one device in their order; of
   * several by another process the last may stand for all.
   * @returns what ends it
   */
  readonly subscribe: (listener: (written: WrittenEnrolment) => void) => () => void
  /**
   * Has the enrolment told as it is stored now, because another process says that it has written it: sooner than it
   * would be found. Absent in a store that no other process writes to at the same time.
   */
  readonly reread?: (deviceId: string) => Promise<void>
  /**
   * Notes that a device was seen. Reads know at once; it is written later, with all others of the interval, and a
   * process that is killed before loses it. A device id without enrolment is passed over.
   */
  readonly touch: (deviceId: string, lastSeen: LastSeen) => void
}

/** An enrolment that was written; undefined where it was removed. */
export interface WrittenEnrolment {
  readonly deviceId: string
  readonly enrolment: Enrolment | undefined
  readonly writer?: string
}

/** The tokens of the HTTP API. */
export interface Tokens {
  readonly get: (id: string) => Promise<ApiToken | undefined>
  /** The oldest first. */
  readonly list: () => Promise<readonly ApiToken[]>
  /** Changes one token in one transaction, as `Enrolments.update` does; undefined removes it. */
  readonly update: (
    id: string,
    change: (current: ApiToken | undefined) => ApiToken | undefined,
  ) => Promise<StoreResult<ApiToken | undefined>>
}

/** The jobs of the HTTP API. */
export interface Jobs {
  /** The oldest first. */
  readonly list: () => Promise<readonly Job[]>
  /** Puts a job in the place of what is there. */
  readonly put: (job: Job) => Promise<StoreResult<undefined>>
  readonly remove: (id: string) => Promise<StoreResult<undefined>>
  /**
   * Makes a job `running` where it is `queued`, and gives it so. Undefined where it is not, or not there: another node
   * has begun it, or it was taken back. Of several nodes that begin one job, one gets it.
   */
  readonly begin: (id: string, startedAt: Date) => Promise<StoreResult<Job | undefined>>
}

/** What devices were given of their own; it outlives their enrolment until it is released. */
export interface EndpointLeases {
  readonly list: () => Promise<readonly EndpointLease[]>
  /**
   * Releases what these devices have, then gives these endpoints in the place of what their devices had, all in one
   * transaction. No port and no address is held twice. A change that gives one twice is a mistake of the caller, and
   * throws; one that another node was first to give is a `conflict`.
   */
  readonly change: (change: EndpointChange) => Promise<StoreResult<undefined>>
}

/** Which devices are attached, so that the next process knows whom to expect. */
export interface AttachedDevices {
  /**
   * The devices that were attached when the process before this one ended, and when it was there last, to half a
   * minute.
   */
  readonly before: { readonly deviceIds: readonly string[]; readonly lastAlive?: Date }
  /** Notes that a device attached, or that it is not attached any more; written a moment later. */
  readonly note: (deviceId: string, attached: boolean) => void
}

export interface EndpointChange {
  readonly release: readonly string[]
  readonly give: readonly EndpointLease[]
}

export interface ListOptions {
  readonly standing?: Standing | undefined
  readonly limit?: number | undefined
  /** Begins after this device id, which need not exist. */
  readonly after?: string | undefined
}

export type StoreResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: StoreFailure }

/**
 * Why the store could not do it. Nothing was changed then, but where a message of `unavailable` says that this is not
 * known. Never holds a secret.
 */
export interface StoreFailure {
  /**
   * `unavailable`: the database cannot be asked now, and may be later. `conflict`: another node was first, each time
   * that it was tried.
   */
  readonly reason: 'disk-full' | 'read-only' | 'corrupt' | 'locked' | 'io' | 'unavailable' | 'conflict'
  readonly message: string
  /** What to do about it. */
  readonly hint: string
}

export type OpenedStore =
  | { readonly ok: true; readonly store: Store }
  | { readonly ok: false; readonly failure: OpenFailure }

/**
 * Why the store cannot be opened: what a write may meet, or data that a newer Homeport wrote, that is sealed with a key
 * which is not here, or that another node uses.
 */
export type OpenFailure = Omit<StoreFailure, 'reason'> & {
  readonly reason: StoreFailure['reason'] | 'newer-schema' | 'other-key' | 'in-use'
}
