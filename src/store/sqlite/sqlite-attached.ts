import type { AttachedDevices, StoreFailure } from '../store.js'
import { prepare, type SqliteDatabase, transaction } from './sqlite-database.js'
import type { StoreCalls } from './store-calls.js'

/** Milliseconds between a change and its being written, with all others of that time. */
const CHANGE_INTERVAL = 1_000
/** Milliseconds between two notes that this process is alive. */
const ALIVE_INTERVAL = 30_000
// One transaction of so many takes some milliseconds; the event loop turns in between.
const BATCH = 50

/**
 * What is kept of attached devices, and what ends its timers: that writes all that waits, and throws what writing
 * throws.
 */
export interface AttachedShelf extends AttachedDevices {
  readonly stop: () => void
}

/**
 * Keeps which devices are attached. Changes are written a second later together, so nothing is written while no device
 * comes or goes, but for one row every half minute that says that this process is alive.
 * @param onProblem told when writing failed; what was to be written waits for the next time
 */
export function attachedShelf(
  database: SqliteDatabase,
  { calls, onProblem }: { readonly calls: StoreCalls; readonly onProblem: (problem: StoreFailure) => void },
): AttachedShelf {
  const onError = (error: unknown): void => onProblem(calls.failureIn(error))
  const all = prepare<object, { readonly device_id: string }>(database, 'SELECT device_id FROM attached')
  const put = prepare<Id>(database, 'INSERT OR IGNORE INTO attached (device_id) VALUES (:device_id)')
  const drop = prepare<Id>(database, 'DELETE FROM attached WHERE device_id = :device_id')
  const readAlive = prepare<object, { readonly at: number }>(database, 'SELECT at FROM alive')
  const putAlive = prepare<{ readonly at: number }>(
    database,
    'INSERT INTO alive (id, at) VALUES (1, :at) ON CONFLICT (id) DO UPDATE SET at = excluded.at',
  )
  const lastAlive = readAlive.get({})?.at
  const before = {
    deviceIds: all.all({}).map(({ device_id }) => device_id),
    ...(lastAlive === undefined ? {} : { lastAlive: new Date(lastAlive) }),
  }
  const waiting = new Map<string, boolean>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const schedule = (): void => {
    if (timer !== undefined || stopped || waiting.size === 0) return
    timer = setTimeout(writeSome, CHANGE_INTERVAL)
    timer.unref()
  }
  const write = (due: readonly (readonly [string, boolean])[]): void => {
    calls.writeLater(() =>
      transaction(database, () => {
        for (const [device_id, attached] of due) (attached ? put : drop).run({ device_id })
        putAlive.run({ at: Date.now() })
      }),
    )
    for (const [deviceId, attached] of due) if (waiting.get(deviceId) === attached) waiting.delete(deviceId)
  }
  const writeSome = (): void => {
    timer = undefined
    if (stopped) return
    try {
      write([...waiting].slice(0, BATCH))
    } catch (error) {
      onError(error)
      return schedule()
    }
    if (waiting.size > 0) setImmediate(writeSome)
  }
  const beat = setInterval(() => {
    try {
      calls.writeLater(() => {
        putAlive.run({ at: Date.now() })
      })
    } catch (error) {
      onError(error)
    }
  }, ALIVE_INTERVAL)
  beat.unref()

  return {
    before,
    note: (deviceId, attached) => {
      if (stopped) return
      waiting.set(deviceId, attached)
      schedule()
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
      clearInterval(beat)
      write([...waiting])
    },
  }
}

interface Id {
  readonly device_id: string
}
