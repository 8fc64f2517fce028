import { readPostgresUrl } from '../../lib/postgres-url.js'
import type { OpenedStore, OpenFailure, Store, StoreFailure } from '../store.js'
import { EngineCalls } from './engine-calls.js'
import { attachedShelf } from './postgres-attached.js'
import { ENGINE_LIMITS, type EngineLimits, openEngine, type PostgresEngine } from './postgres-engine.js'
import { storedEndpoints } from './postgres-endpoints.js'
import { enrolmentTables } from './postgres-enrolments.js'
import { failureOfOpening, OTHER_KEY_HINT } from './postgres-failure.js'
import { resealJobs, storedJobs } from './postgres-jobs.js'
import { migrate } from './postgres-schema.js'
import { storedEnrolments } from './postgres-stored-enrolments.js'
import { storedTokens } from './postgres-tokens.js'
import { createSealer, type Sealer } from './sealer.js'
import { standAlone, type SoleNode } from './sole-node.js'

export interface PostgresStoreOptions {
  /** As `readPostgresUrl` takes it. */
  readonly url: string
  /** What secrets are sealed with, 32 bytes each; the first seals, the others open what they have sealed before. */
  readonly keys: readonly Buffer[]
  /** This node, where no other may use the database at the same time. */
  readonly alone?: SoleNode
  /** How often, in milliseconds, it is written when devices were seen. */
  readonly touchInterval: number
  /** Milliseconds between two looks at what other processes have changed. */
  readonly changeInterval?: number
  readonly limits?: Partial<EngineLimits>
  /** Told of what nobody waits for. */
  readonly onProblem: (problem: StoreFailure) => void
}

/** Milliseconds. */
const CHANGE_INTERVAL = 5_000
/** Secrets that are sealed anew in one transaction. */
const RESEALED_AT_ONCE = 200

/** Opens the store in a database of PostgreSQL's kind, brings its schema up to date, and seals anew what is to be. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<OpenedStore> {
  const url = readPostgresUrl(options.url)
  if (!url.ok)
    return { ok: false, failure: { reason: 'io', message: `the URL of the database ${url.message}`, hint: url.hint } }
  const { shown } = url.database
  const sealer = createSealer(options.keys)
  const closing: (() => Promise<void>)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).toReversed()) await close()
  }
  try {
    const engine = await openEngine(url.database, { ...ENGINE_LIMITS, ...options.limits })
    closing.push(engine.close)
    const migrated = await migrate(engine)
    const refusal = migrated.ok ? await sealedWithOther(engine, sealer) : newerSchema(shown, migrated)
    if (refusal !== undefined) {
      await closeAll()
      return { ok: false, failure: refusal }
    }
    if (options.alone !== undefined) {
      const standing = await standAlone(engine, options.alone)
      if (!standing.ok) {
        await closeAll()
        return standing
      }
      closing.push(standing.leave)
    }
    await reseal(engine, sealer)
    return { ok: true, store: await storeOn(engine, { ...options, sealer, closeAll }) }
  } catch (error) {
    await closeAll()
    const failure = failureOfOpening(error, shown)
    if (failure === undefined) throw error
    return { ok: false, failure }
  }
}

async function storeOn(
  engine: PostgresEngine,
  options: PostgresStoreOptions & { readonly sealer: Sealer; readonly closeAll: () => Promise<void> },
): Promise<Store> {
  const { sealer, touchInterval, changeInterval = CHANGE_INTERVAL, onProblem, closeAll } = options
  const calls = new EngineCalls(engine.name)
  const patience = options.limits?.patience ?? ENGINE_LIMITS.patience
  const attached = await attachedShelf(engine, { calls, onProblem })
  const enrolments = await storedEnrolments(engine, {
    calls,
    sealer,
    patience,
    touchInterval,
    changeInterval,
    onProblem,
  })
  return {
    enrolments,
    tokens: storedTokens(engine, calls),
    jobs: storedJobs(engine, { calls, sealer }),
    endpoints: storedEndpoints(engine, calls),
    attached,
    problem: () => calls.problem(),
    close: async () => {
      if (!calls.end()) return { ok: true, value: undefined }
      try {
        return await calls.attempt(async () => {
          // Both, also where the first cannot.
          const ends = await Promise.allSettled([enrolments.stop(), attached.stop()])
          for (const end of ends) if (end.status === 'rejected') throw end.reason
          return undefined
        })
      } finally {
        await closeAll()
      }
    },
  }
}

/** Why the keys are not those of this database; undefined where they are. The first is noted as one of its keys. */
async function sealedWithOther(engine: PostgresEngine, sealer: Sealer): Promise<OpenFailure | undefined> {
  return engine.atLeisure(async (sql) => {
    const { rows } = await sql<{ readonly id: string; readonly used: boolean }>(
      `SELECT id, EXISTS (SELECT 1 FROM enrolment WHERE secret_key = id)
         OR EXISTS (SELECT 1 FROM job WHERE body_key = id) AS used
       FROM sealing_key`,
    )
    const missing = rows.filter(({ id }) => !sealer.keyIds.includes(id))
    const isForeign = rows.length > 0 && missing.length === rows.length
    const needed = missing.find(({ used }) => used || isForeign)
    if (needed !== undefined)
      return {
        reason: 'other-key',
        message:
          `${engine.name}: its secrets are sealed with the key ${needed.id}, ` +
          `and those here are ${sealer.keyIds.join(', ')}`,
        hint: OTHER_KEY_HINT,
      }
    await sql('INSERT INTO sealing_key (id) VALUES ($1) ON CONFLICT (id) DO NOTHING', [sealer.keyId])
    return undefined
  })
}

/** Seals with the first key whatever an older one has sealed, and then forgets the older ones. */
async function reseal(engine: PostgresEngine, sealer: Sealer): Promise<void> {
  const tables = enrolmentTables(sealer)
  const most = RESEALED_AT_ONCE
  const all = async (some: () => Promise<number>): Promise<void> => {
    while ((await some()) === most);
  }
  await all(() => engine.atLeisure((sql) => tables.reseal(sql, most)))
  await all(() => engine.atLeisure((sql) => resealJobs(sql, { sealer, most })))
}

function newerSchema(name: string, { newer, known }: { readonly newer: number; readonly known: number }): OpenFailure {
  return {
    reason: 'newer-schema',
    message: `${name}: was written by a newer Homeport (schema ${newer}, this one knows ${known})`,
    hint: 'run that version or a later one, or put back the backup from before the upgrade',
  }
}
