import { inBackground } from '../../lib/background.js'
import type { AttachedDevices, StoreFailure } from '../store.js'
import type { EngineCalls } from './engine-calls.js'
import type { PostgresEngine, Sql } from './postgres-engine.js'

/** Milliseconds between a change and its being written, with all others of that time. */
const CHANGE_INTERVAL = 1_000
/** Milliseconds between two notes that this process is alive. */
const ALIVE_INTERVAL = 30_000
/** Of one transaction. */
const BATCH = 1_000

/**
 * What is kept of attached devices, and what ends its timers: that writes all that waits, and rejects with what the
 * engine throws.
 */
export interface AttachedShelf extends AttachedDevices {
  readonly stop: () => Promise<void>
}

/**
 * Keeps which devices are attached. Changes are written a second later together, and one row every half minute that
 * says that this process is alive.
 * @param onProblem told when writing failed; what was to be written waits for the next time
 */
export async function attachedShelf(
  engine: PostgresEngine,
  { calls, onProblem }: { readonly calls: EngineCalls; readonly onProblem: (problem: StoreFailure) => void },
): Promise<AttachedShelf> {
  const before = await engine.read(readBefore)
  const waiting = new Map<string, boolean>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let writing: Promise<void> = Promise.resolve()

  const write = async (due: readonly (readonly [string, boolean])[]): Promise<void> => {
    const ids = (which: boolean): readonly string[] => due.flatMap(([id, attached]) => (attached === which ? id : []))
    await engine.writeLoosely(async (sql) => {
      await sql('DELETE FROM attached WHERE device_id = ANY($1::text[])', [ids(false)])
      await sql(
        'INSERT INTO attached (device_id) SELECT * FROM unnest($1::text[]) ON CONFLICT (device_id) DO NOTHING',
        [ids(true).toSorted()],
      )
      await putAlive(sql)
    })
    for (const [deviceId, attached] of due) if (waiting.get(deviceId) === attached) waiting.delete(deviceId)
  }
  const writeSome = async (): Promise<void> => {
    do {
      const done = await calls.write(() => write([...waiting].slice(0, BATCH)))
      if (!done.ok) return onProblem(done.failure)
    } while (waiting.size > 0 && !stopped)
  }
  const schedule = (): void => {
    if (timer !== undefined || stopped || waiting.size === 0) return
    timer = setTimeout(() => {
      writing = writeSome().finally(() => {
        timer = undefined
        schedule()
      })
      inBackground('store', writing)
    }, CHANGE_INTERVAL)
    timer.unref()
  }
  const beat = setInterval(() => {
    inBackground(
      'store',
      calls.write(() => engine.writeLoosely(putAlive)).then((done) => done.ok || stopped || onProblem(done.failure)),
    )
  }, ALIVE_INTERVAL)
  beat.unref()

  return {
    before,
    note: (deviceId, attached) => {
      if (stopped) return
      waiting.set(deviceId, attached)
      schedule()
    },
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      clearInterval(beat)
      await writing
      await write([...waiting])
    },
  }
}

async function readBefore(sql: Sql): Promise<AttachedDevices['before']> {
  const attached = await sql<{ readonly device_id: string }>('SELECT device_id FROM attached ORDER BY device_id')
  const alive = await sql<{ readonly at: number }>('SELECT at FROM alive')
  const lastAlive = alive.rows[0]?.at
  return {
    deviceIds: attached.rows.map(({ device_id }) => device_id),
    ...(lastAlive === undefined ? {} : { lastAlive: new Date(lastAlive) }),
  }
}

async function putAlive(sql: Sql): Promise<void> {
  await sql('INSERT INTO alive (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at', [Date.now()])
}
