import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { inBackground } from '../../lib/background.js'
import type { OpenFailure, StoreFailure } from '../store.js'
import type { PostgresEngine, Sql } from './postgres-engine.js'
import { isWithoutAnswer } from './postgres-failure.js'

/** A node that uses its database alone, until several can; times in milliseconds. */
export interface SoleNode {
  readonly id: string
  /** How long another may have said nothing until it counts as gone. */
  readonly lease: number
  /** Between two times that this one says that it is there. */
  readonly heartbeat: number
  /** Told when another node has taken over, because this one could not say that it is there: this one has to end. */
  readonly onReplaced: (failure: StoreFailure) => void
}

export type Standing =
  | {
      readonly ok: true
      /** Makes way at once for whoever waits. */
      readonly leave: () => Promise<void>
    }
  | { readonly ok: false; readonly failure: OpenFailure }

interface Seen {
  readonly id: string
  readonly incarnation: string
  readonly seen_at: string
}

/** Milliseconds between two looks at a node that may be gone. */
const LOOK = 250
/** Whoever begins or says that it is there does so one after another, by this row. */
const ONE_BY_ONE = 'SELECT 1 FROM schema_version WHERE id = 1 FOR UPDATE'
const LIVING = `SELECT id, incarnation, seen_at::text AS seen_at FROM node
  WHERE seen_at > now() - $1 * interval '1 millisecond' AND incarnation <> $2 ORDER BY seen_at DESC`

/**
 * Stands as the only node of the database. One that lives, which shows by its saying so, is refused with; one that was
 * killed is waited for until its lease is over, which is the time that a fail-over takes.
 */
export async function standAlone(engine: PostgresEngine, node: SoleNode): Promise<Standing> {
  const incarnation = randomUUID()
  let first: Seen | undefined
  for (;;) {
    const other = await engine.writeAhead((sql) => enter(sql, node, incarnation))
    if (other === undefined) return { ok: true, leave: keepSaying(engine, node, incarnation) }
    if (first?.incarnation === other.incarnation && first.seen_at !== other.seen_at)
      return { ok: false, failure: inUse(engine.name, other.id, node) }
    if (first?.incarnation !== other.incarnation) first = other
    await pause(LOOK)
  }
}

/** Enters itself where no other lives; gives that one otherwise. */
async function enter(sql: Sql, { id, lease }: SoleNode, incarnation: string): Promise<Seen | undefined> {
  await sql(ONE_BY_ONE)
  const { rows } = await sql<Seen>(LIVING, [lease, incarnation])
  if (rows[0] !== undefined) return rows[0]
  await sql(
    `INSERT INTO node (id, incarnation, state, seen_at) VALUES ($1, $2, 'up', now())
     ON CONFLICT (id) DO UPDATE SET incarnation = excluded.incarnation, state = 'up', seen_at = now()`,
    [id, incarnation],
  )
  return undefined
}

/** Says once a heartbeat that it is there; gives what ends that. */
function keepSaying(engine: PostgresEngine, node: SoleNode, incarnation: string): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<void> = Promise.resolve()
  let stopped = false
  const say = async (): Promise<void> => {
    try {
      const other = await engine.writeAhead(async (sql) => {
        await sql(ONE_BY_ONE)
        const { rows } = await sql<Seen>(LIVING, [node.lease, incarnation])
        if (rows[0] !== undefined) return rows[0].id
        const { count } = await sql('UPDATE node SET seen_at = now() WHERE id = $1 AND incarnation = $2', [
          node.id,
          incarnation,
        ])
        return count === 0 ? node.id : undefined
      })
      if (other === undefined) return
      stopped = true
      node.onReplaced(replaced(engine.name, other, node))
    } catch (error) {
      // While the database is away nobody else can take over: it is said again as soon as it is back.
      if (!isWithoutAnswer(error, engine.name)) throw error
    }
  }
  const again = (): void => {
    if (stopped) return
    timer = setTimeout(() => {
      underWay = say().finally(again)
      inBackground('store', underWay)
    }, node.heartbeat)
    timer.unref()
  }
  again()
  return async () => {
    stopped = true
    clearTimeout(timer)
    await underWay.catch(() => undefined)
    try {
      await engine.writeAhead((sql) =>
        sql('DELETE FROM node WHERE id = $1 AND incarnation = $2', [node.id, incarnation]),
      )
    } catch (error) {
      // Then whoever comes next waits until its lease is over.
      if (!isWithoutAnswer(error, engine.name)) throw error
    }
  }
}

function inUse(name: string, other: string, { id }: SoleNode): OpenFailure {
  return {
    reason: 'in-use',
    message:
      other === id
        ? `${name}: another process uses it as node ${JSON.stringify(id)}`
        : `${name}: node ${JSON.stringify(other)} uses it`,
    hint: 'one node at a time: stop the other one, or start this one again when that one is gone: it then takes over',
  }
}

function replaced(name: string, other: string, { id, lease }: SoleNode): StoreFailure {
  return {
    reason: 'locked',
    message: `${name}: node ${JSON.stringify(other)} has taken over from ${JSON.stringify(id)}`,
    hint: `this one could not say for ${lease / 1000} s that it is there, and ends; it may be started as the standby`,
  }
}
