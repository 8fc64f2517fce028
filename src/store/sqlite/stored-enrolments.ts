import { setImmediate } from 'node:timers/promises'
import type { Enrolment } from '../enrolment.js'
import { createLastSeenBuffer } from '../last-seen-buffer.js'
import type { Enrolments, StoreFailure, WrittenEnrolment } from '../store.js'
import { type SqliteDatabase, transaction } from './sqlite-database.js'
import { enrolmentTables } from './sqlite-enrolments.js'
import type { StoreCalls } from './store-calls.js'

/** Enrolments in their tables, with when their devices were seen last, which is written later. */
export interface StoredEnrolments extends Enrolments {
  /** Writes what still waits. Throws SQLite's errors. */
  readonly stop: () => void
}

export interface StoredEnrolmentsOptions {
  readonly calls: StoreCalls
  /** How often, in milliseconds, it is written when devices were seen. */
  readonly touchInterval: number
  /** Told when that could not be written or noted; it waits for the next interval. */
  readonly onProblem: (problem: StoreFailure) => void
}

// One page takes some milliseconds; the event loop turns in between.
const PAGE = 500

export function storedEnrolments(
  database: SqliteDatabase,
  { calls, touchInterval, onProblem }: StoredEnrolmentsOptions,
): StoredEnrolments {
  const tables = enrolmentTables(database)
  const lastSeenBuffer = createLastSeenBuffer({
    interval: touchInterval,
    write: (deviceIds) => {
      calls.writeLater(() =>
        transaction(database, () => {
          for (const deviceId of deviceIds) {
            const stored = tables.read(deviceId)
            if (stored !== undefined) tables.writeSeen(stored, lastSeenBuffer.apply(stored))
          }
        }),
      )
      for (const deviceId of deviceIds) lastSeenBuffer.drop(deviceId)
    },
    onError: (error) => onProblem(calls.failureIn(error)),
  })

  /** What is stored of a device, as it is with what waits to be written. */
  const current = (deviceId: string): Enrolment | undefined => {
    const enrolment = tables.read(deviceId)
    return enrolment && lastSeenBuffer.apply(enrolment)
  }
  /** Changes an enrolment within a transaction; whether anything was written, and what is stored then. */
  const change = (
    deviceId: string,
    changed: (current: Enrolment | undefined) => Enrolment | undefined,
  ): { readonly value: Enrolment | undefined; readonly written: boolean } => {
    const before = current(deviceId)
    const next = changed(before)
    if (next === before) return { value: next, written: false }
    if (next === undefined) {
      tables.remove(deviceId)
      return { value: undefined, written: true }
    }
    if (next.deviceId !== deviceId)
      throw new TypeError(`an update of ${deviceId} gave an enrolment of ${next.deviceId}`)
    return { value: tables.write(next), written: true }
  }

  const listeners = new Set<(written: WrittenEnrolment) => void>()
  const tell = (written: WrittenEnrolment): void => {
    for (const listener of listeners) queueMicrotask(() => listeners.has(listener) && listener(written))
  }

  return {
    get: (deviceId) => calls.read(() => current(deviceId)),
    list: async ({ standing, limit = Number.POSITIVE_INFINITY, after } = {}) => {
      const found: Enrolment[] = []
      for (let last = after; ; last = found.at(-1)?.deviceId) {
        const page = Math.min(PAGE, limit - found.length)
        const part = await calls.read(() => tables.list({ standing, limit: page, after: last }))
        for (const enrolment of part) found.push(lastSeenBuffer.apply(enrolment))
        if (part.length < PAGE) return found
        await setImmediate()
      }
    },
    withPin: (blob) => calls.read(() => tables.withPin(blob).map(lastSeenBuffer.apply)),
    count: (standing) => calls.read(() => tables.count(standing)),
    pendingFrom: (address) => calls.read(() => tables.pendingFrom(address)),
    update: async (deviceId, changed, writer) =>
      calls.write(() => {
        const { value, written } = transaction(database, () => change(deviceId, changed))
        if (!written) return value
        lastSeenBuffer.drop(deviceId)
        tell({ deviceId, enrolment: value, ...(writer === undefined ? {} : { writer }) })
        return value
      }),
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    touch: (deviceId, lastSeen) => {
      if (!calls.isOpen()) return
      const noted = calls.attempt(() => {
        if (lastSeenBuffer.waitsFor(deviceId) || tables.exists(deviceId)) lastSeenBuffer.note(deviceId, lastSeen)
      })
      if (!noted.ok) onProblem(noted.failure)
    },
    stop: () => {
      listeners.clear()
      lastSeenBuffer.stop()
    },
  }
}
