import { setTimeout as pause } from 'node:timers/promises'
import type { NodeRecord } from './engine.js'
import type { ClusterDatabase } from './postgres-cluster-engine.js'

/** Why a node may not join, in words for whoever starts it. */
export interface JoinRefusal {
  /** Of the configuration. */
  readonly key: 'cluster.node' | 'cluster.database' | 'endpoint.ssh.host-keys'
  readonly message: string
  readonly hint: string
}

export interface JoinOptions {
  readonly record: Pick<NodeRecord, 'node' | 'hostKeyFingerprint'>
  /** Milliseconds after which a node that has said nothing is passed over. */
  readonly lease: number
  /** Milliseconds that a node is watched which may have been killed: longer than two heartbeats. */
  readonly watch?: number
}

interface Row {
  readonly id: string
  readonly incarnation: string
  readonly host_key_fp: string | null
  readonly seen_at: string
}

const LOOK = 250
const WATCH = 2_500

const LIVING = `SELECT id, incarnation, host_key_fp, seen_at::text AS seen_at FROM node
  WHERE seen_at > now() - $1 * interval '1 millisecond' ORDER BY id`

/**
 * Why a node may not join the others; undefined where it may. One of the same name, or one that uses the database
 * alone, is in the way as long as it says that it is there; one that was killed has not said so for a while, and ends
 * by itself where it comes back. Rejects with what the database throws.
 */
export async function joinRefusal(database: ClusterDatabase, options: JoinOptions): Promise<JoinRefusal | undefined> {
  const { record, lease, watch = WATCH } = options
  const read = async (): Promise<readonly Row[]> => (await database.read((sql) => sql<Row>(LIVING, [lease]))).rows
  const inTheWay = ({ id, incarnation }: Row): boolean => id === record.node || !/^\d+$/.test(incarnation)
  const first = await read()
  const watched = first.filter(inTheWay)
  for (let waited = 0; watched.length > 0 && waited < watch; waited += LOOK) {
    await pause(LOOK)
    const now = await read()
    const alive = watched.find((one) =>
      now.some(
        ({ id, incarnation, seen_at }) => id === one.id && incarnation === one.incarnation && seen_at !== one.seen_at,
      ),
    )
    if (alive !== undefined) return alive.id === record.node ? idInUse(alive.id) : usedAlone(alive.id)
  }
  const other = first.find(
    (row) => !inTheWay(row) && row.host_key_fp !== null && row.host_key_fp !== record.hostKeyFingerprint,
  )
  return other === undefined ? undefined : otherHostKeys(other.id)
}

function idInUse(id: string): JoinRefusal {
  return {
    key: 'cluster.node',
    message: `another process is node ${JSON.stringify(id)} already`,
    hint: 'give each node a name and a certificate of its own, or stop the other process',
  }
}

function usedAlone(id: string): JoinRefusal {
  return {
    key: 'cluster.database',
    message: `node ${JSON.stringify(id)} uses the database alone: it has no cluster.listen`,
    hint: 'give it cluster.listen with a certificate and start it anew, or stop it',
  }
}

function otherHostKeys(id: string): JoinRefusal {
  return {
    key: 'endpoint.ssh.host-keys',
    message: `node ${JSON.stringify(id)} shows clients other host keys than this one`,
    hint:
      'give all nodes the same: copy ssh_host_* of data-dir from there, or name the same files here; ' +
      'else clients would warn of an attack with every change of the node',
  }
}
