import type { EndpointLease } from '../endpoint-lease.js'
import type { EndpointLeases } from '../store.js'
import type { EngineCalls } from './engine-calls.js'
import type { PostgresEngine } from './postgres-engine.js'
import { EngineError } from './postgres-failure.js'

interface Row {
  readonly device_id: string
  readonly port: number | null
  readonly address: string | null
}

export function storedEndpoints(engine: PostgresEngine, calls: EngineCalls): EndpointLeases {
  return {
    list: () =>
      calls.read(() =>
        engine.read(async (sql) => {
          const { rows } = await sql<Row>('SELECT * FROM given_endpoint ORDER BY device_id')
          return rows.map(leaseOf)
        }),
      ),
    change: async ({ release, give }) => {
      refuseTwice(give)
      const devices = [...new Set([...release, ...give.map(({ deviceId }) => deviceId)])]
      if (devices.length === 0) return { ok: true, value: undefined }
      return calls.write(() =>
        engine
          .write(async (sql) => {
            // In their order, so that two nodes wait for each other and not in a circle.
            const sorted = give.toSorted((a, b) => (a.deviceId < b.deviceId ? -1 : 1))
            await sql('SELECT 1 FROM given_endpoint WHERE device_id = ANY($1::text[]) ORDER BY device_id FOR UPDATE', [
              devices,
            ])
            await sql('DELETE FROM given_endpoint WHERE device_id = ANY($1::text[])', [devices])
            await sql(
              `INSERT INTO given_endpoint (device_id, port, address)
               SELECT g.device_id, g.port, g.address
               FROM unnest($1::text[], $2::integer[], $3::text[]) AS g (device_id, port, address)`,
              [
                sorted.map(({ deviceId }) => deviceId),
                sorted.map(({ port }) => port ?? null),
                sorted.map(({ address }) => address ?? null),
              ],
            )
            return { value: undefined, changed: devices.map((key) => ({ kind: 'endpoint' as const, key })) }
          })
          .catch((error: unknown) => {
            throw isTaken(error) ? taken(engine.name) : error
          }),
      )
    },
  }
}

function leaseOf({ device_id: deviceId, port, address }: Row): EndpointLease {
  return { deviceId, ...(port !== null && { port }), ...(address !== null && { address }) }
}

/** A change that gives one thing twice would be refused by the database as if another node had it. */
function refuseTwice(give: readonly EndpointLease[]): void {
  for (const values of [
    give.map(({ deviceId }) => deviceId),
    give.flatMap(({ port }) => port ?? []),
    give.flatMap(({ address }) => address ?? []),
  ])
    if (new Set<unknown>(values).size < values.length) throw new TypeError('a change gives one endpoint twice')
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505'
}

function taken(name: string): EngineError {
  return new EngineError({
    reason: 'conflict',
    message: `${name}: another node has given one of these ports or addresses to another device`,
    hint: 'another one is given the next time; where two nodes have the same ranges, this is rare',
  })
}
