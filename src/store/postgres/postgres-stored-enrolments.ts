import { inBackground } from '../../lib/background.js'
import { createKeyedSemaphore } from '../../lib/keyed-semaphore.js'
import type { Enrolment } from '../enrolment.js'
import { createLastSeenBuffer } from '../last-seen-buffer.js'
import type { Enrolments, StoreFailure, WrittenEnrolment } from '../store.js'
import type { EngineCalls } from './engine-calls.js'
import { followChanges, type NotedChange } from './postgres-changes.js'
import type { PostgresEngine } from './postgres-engine.js'
import { type EnrolmentTables, enrolmentTables } from './postgres-enrolments.js'
import { EngineError, failureOf } from './postgres-failure.js'
import type { Sealer } from './sealer.js'

/** Enrolments in their tables, with when their devices were seen last, which is written later. */
export interface StoredEnrolments extends Enrolments {
  /** Writes what still waits. Rejects with what the engine throws. */
  readonly stop: () => Promise<void>
}

export interface StoredEnrolmentsOptions {
  readonly calls: EngineCalls
  readonly sealer: Sealer
  /** Milliseconds that all tries of one change may take, its waiting for those before it included. */
  readonly patience: number
  /** How often, in milliseconds, it is written when devices were seen. */
  readonly touchInterval: number
  /** Milliseconds between two looks at what other processes have changed. */
  readonly changeInterval: number
  /** Told when something of it failed that nobody waits for; it is tried again. */
  readonly onProblem: (problem: StoreFailure) => void
}

/** Of one statement. */
const PAGE = 500
/** Changes of one device that may wait for each other. */
const MOST_IN_TURN = 1_000

export async function storedEnrolments(
  engine: PostgresEngine,
  options: StoredEnrolmentsOptions,
): Promise<StoredEnrolments> {
  const { calls, sealer, patience, onProblem } = options
  const tables = enrolmentTables(sealer)
  const turnOf = createKeyedSemaphore(1, MOST_IN_TURN)
  const seen = seenBuffer(engine, { ...options, tables })
  const { buffer } = seen
  /** Changes of one device on this node wait for each other, so that they do not get into each other's way. */
  const inTurn = async <T>(deviceId: string, task: () => Promise<T>): Promise<T> => {
    const passage = await turnOf(deviceId)(task)
    if (!passage.entered) throw tooMany(engine.name, deviceId)
    return passage.result
  }

  const listeners = new Set<(written: WrittenEnrolment) => void>()
  const tell = (written: WrittenEnrolment): void => {
    for (const listener of listeners) queueMicrotask(() => listeners.has(listener) && listener(written))
  }
  /** What another process has written, as it is stored by now. */
  const tellOf = ({ deviceId, writer }: NotedChange): Promise<void> =>
    inTurn(deviceId, async () => {
      const [stored] = await engine.read((sql) => tables.read(sql, [deviceId]))
      const enrolment = stored && buffer.apply(stored)
      tell({ deviceId, enrolment, ...(writer === undefined ? {} : { writer }) })
    })

  const change = async (
    deviceId: string,
    changed: (current: Enrolment | undefined) => Enrolment | undefined,
    { writer, until }: { readonly writer: string | undefined; readonly until: number },
  ): Promise<Enrolment | undefined> => {
    const { value, written, waiting } = await engine.write(async (sql) => {
      const waiting = buffer.of(deviceId)
      const stored = await tables.readToChange(sql, deviceId)
      const before = stored && buffer.apply(stored.enrolment)
      const next = changed(before)
      if (next === before) return { value: { value: next, written: false, waiting }, changed: [] }
      if (next === undefined) {
        if (stored !== undefined) await tables.remove(sql, stored)
      } else if (next.deviceId !== deviceId)
        throw new TypeError(`an update of ${deviceId} gave an enrolment of ${next.deviceId}`)
      const value = next && (await tables.write(sql, next, stored))
      const note = { kind: 'enrolment' as const, key: deviceId, ...(writer === undefined ? {} : { writer }) }
      return { value: { value, written: true, waiting }, changed: [note] }
    }, until)
    // Also where there is no enrolment: what is made later has nothing of it.
    if (written || value === undefined) buffer.drop(deviceId, waiting)
    if (written) tell({ deviceId, enrolment: value, ...(writer === undefined ? {} : { writer }) })
    return value
  }

  let lastLookFailed = false
  const feed = await followChanges(engine, {
    interval: options.changeInterval,
    tell: async (changes) => {
      if (listeners.size > 0) for (const noted of changes) await tellOf(noted)
    },
    onLooked: (error) => {
      const failure = error === undefined ? undefined : failureIn(error, engine.name)
      // Once until it works again, however often it is looked.
      if (failure !== undefined && calls.isOpen() && !lastLookFailed) onProblem(failure)
      lastLookFailed = failure !== undefined
      calls.noteReached(failure)
    },
  })

  return {
    get: (deviceId) =>
      calls.read(async () => {
        const [stored] = await engine.read((sql) => tables.read(sql, [deviceId]))
        return stored && buffer.apply(stored)
      }),
    list: async ({ standing, limit = Number.POSITIVE_INFINITY, after } = {}) => {
      const found: Enrolment[] = []
      for (let last = after; ; last = found.at(-1)?.deviceId) {
        const page = Math.min(PAGE, limit - found.length)
        const part = await calls.read(() =>
          engine.read((sql) => tables.list(sql, { standing, limit: page, after: last })),
        )
        for (const enrolment of part) found.push(buffer.apply(enrolment))
        if (part.length < PAGE) return found
      }
    },
    withPin: (blob) =>
      calls.read(async () => (await engine.read((sql) => tables.withPin(sql, blob))).map(buffer.apply)),
    count: (standing) => calls.read(() => engine.read((sql) => tables.count(sql, standing))),
    pendingFrom: (address) => calls.read(() => engine.read((sql) => tables.pendingFrom(sql, address))),
    update: (deviceId, changed, writer) => {
      const until = performance.now() + patience
      return calls.write(() => inTurn(deviceId, () => change(deviceId, changed, { writer, until })))
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    reread: async (deviceId) => {
      if (listeners.size === 0 || !calls.isOpen()) return
      // Where it fails it is found again by the next look.
      await tellOf({ deviceId }).catch((error: unknown) => failureIn(error, engine.name))
    },
    touch: (deviceId, lastSeen) => {
      if (calls.isOpen()) buffer.note(deviceId, lastSeen)
    },
    stop: async () => {
      listeners.clear()
      await feed.stop()
      await seen.stop()
    },
  }
}

/** When devices were seen, until it is written. */
function seenBuffer(
  engine: PostgresEngine,
  { touchInterval, tables, onProblem }: StoredEnrolmentsOptions & { readonly tables: EnrolmentTables },
) {
  let writing: Promise<void> = Promise.resolve()
  const write = async (deviceIds: readonly string[]): Promise<void> => {
    const written = deviceIds.map((deviceId) => [deviceId, buffer.of(deviceId)] as const)
    await engine.writeLoosely((sql) => tables.writeSeen(sql, deviceIds, buffer.apply))
    for (const [deviceId, waiting] of written) buffer.drop(deviceId, waiting)
  }
  const buffer = createLastSeenBuffer({
    interval: touchInterval,
    // One after another: all of an interval together must not take every connection.
    write: (deviceIds) => {
      const done = writing.catch(() => undefined).then(() => write(deviceIds))
      writing = done
      inBackground(
        'store',
        done.catch((error: unknown) => onProblem(failureIn(error, engine.name))),
      )
    },
    onError: (error) => onProblem(failureIn(error, engine.name)),
  })
  return {
    buffer,
    stop: async (): Promise<void> => {
      buffer.stop()
      await writing
    },
  }
}

/** What an error says of the database; one that says nothing of it is a mistake, and is thrown. */
function failureIn(error: unknown, name: string): StoreFailure {
  const failure = failureOf(error, name)
  if (failure === undefined) throw error
  return failure
}

function tooMany(name: string, deviceId: string): EngineError {
  return new EngineError({
    reason: 'unavailable',
    message: `${name}: too many changes of ${JSON.stringify(deviceId)} wait for each other`,
    hint: 'look at the load of the database, and at who changes one device so often',
  })
}
