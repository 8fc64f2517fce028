import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Enrolment, Pin } from '../../src/store/enrolment.js'
import { openSqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite/sqlite-store.js'
import type { Store, StoreFailure, StoreResult } from '../../src/store/store.js'

/** A data-dir of its own, and the stores that were opened in it. */
export interface StoreRoom {
  readonly directory: string
  /** What stores told of outside any call. */
  readonly problems: readonly StoreFailure[]
  readonly options: SqliteStoreOptions
  /** Opens the store, which must work. */
  readonly open: (options?: Partial<SqliteStoreOptions>) => Promise<Store>
  readonly remove: () => Promise<void>
}

export async function makeStoreRoom(): Promise<StoreRoom> {
  const directory = await mkdtemp(join(tmpdir(), 'homeport-store-'))
  const problems: StoreFailure[] = []
  const stores: Store[] = []
  const options: SqliteStoreOptions = {
    directory,
    touchInterval: 60_000,
    busyTimeout: 20,
    onProblem: (problem) => problems.push(problem),
  }
  return {
    directory,
    problems,
    options,
    open: async (changed = {}) => {
      const opened = await openSqliteStore({ ...options, ...changed })
      if (!opened.ok) throw new Error(opened.failure.message)
      stores.push(opened.store)
      return opened.store
    },
    remove: async () => {
      await Promise.all(stores.map((store) => store.close()))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export const noon = new Date('2026-03-01T12:00:00.123Z')

export function minutesAfterNoon(minutes: number): Date {
  return new Date(noon.getTime() + minutes * 60_000)
}

export function pinOf(text: string): Pin {
  return { type: 'ssh-ed25519', blob: Buffer.from(text), addedAt: noon, by: 'netops' }
}

/** An enrolment with nothing but what every one has. */
export function bare(deviceId: string, standing: Enrolment['standing'] = 'pending'): Enrolment {
  return { deviceId, standing, pins: [], addresses: [], labels: {} }
}

/** An enrolment in which everything is there. */
export function full(deviceId: string): Enrolment {
  return {
    deviceId,
    standing: 'approved',
    configured: true,
    pins: [
      pinOf('key one'),
      { type: 'ssh-rsa', blob: Buffer.from([0, 255, 0]), addedAt: noon, by: 'hmac', secretMark: Buffer.from('m') },
    ],
    decision: { by: 'netops', at: minutesAfterNoon(1), how: 'operator' },
    firstSeen: noon,
    lastSeen: minutesAfterNoon(2),
    lastRefusal: {
      reason: 'wrong-hmac',
      message: 'the HMAC does not fit',
      hint: 'compare both',
      source: '192.0.2.1:4711',
      at: noon,
    },
    addresses: ['192.0.2.1', '2001:db8::1'],
    presented: pinOf('key two'),
    secret: 'correct horse',
    labels: { site: 'tōkyō', constructor: 'a name that objects have' },
    vendor: 'junos',
    credentials: 'default',
  }
}

/** What a write gave, which must have worked. */
export function written<T>(result: StoreResult<T>): T {
  if (!result.ok) throw new Error(result.failure.message)
  return result.value
}

/** Stores each enrolment in the place of what is there. */
export async function put(store: Store, ...enrolments: readonly Enrolment[]): Promise<void> {
  for (const enrolment of enrolments) written(await store.enrolments.update(enrolment.deviceId, () => enrolment))
}
