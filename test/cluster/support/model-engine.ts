import {
  type Beat,
  type ClaimRelease,
  type ClaimWant,
  type ClusterEngine,
  type GivenClaim,
  type LinkRow,
  type NodeRecord,
} from '../../../src/cluster/engine.js'
import { isNewer } from '../../../src/cluster/order.js'
import type { NodeLife } from '../../../src/cluster/peer-messages.js'

interface NodeRow extends NodeRecord {
  readonly incarnation: number
  readonly seenAt: number
}

/** What the engine is to do, carried out at once; the same statements as PostgreSQL is given. */
export type ModelStatements = {
  readonly [Name in keyof ClusterEngine]: (
    ...given: Parameters<ClusterEngine[Name]>
  ) => Awaited<ReturnType<ClusterEngine[Name]>>
}

export interface ModelEngine extends ModelStatements {
  /** As a failover to a standby that lagged: what was written last is gone. */
  readonly loseLastCommit: () => void
  readonly restart: () => void
  readonly link: (deviceId: string) => LinkRow | undefined
}

/** An engine in memory, for the model: a plain reading of the statements of the specification. */
export function createModelEngine(now: () => number, lease: number): ModelEngine {
  const nodes = new Map<string, NodeRow>()
  const links = new Map<string, LinkRow>()
  /** What was in the rows that were written last. */
  let undo: (() => void)[] = []
  let life = 0

  const write = <Row>(table: Map<string, Row>, key: string, row: Row): void => {
    const before = table.get(key)
    undo.push(() => (before === undefined ? table.delete(key) : table.set(key, before)))
    table.set(key, row)
  }
  const begin = (): void => {
    undo = []
  }
  const isThere = ({ node, incarnation }: NodeLife): boolean => {
    const row = nodes.get(node)
    return row !== undefined && row.incarnation === incarnation && row.seenAt > now() - lease
  }
  const mayClaim = (life: NodeLife, { provenAt }: ClaimWant, row: LinkRow): boolean =>
    row.holder === undefined ||
    !isNewer({ node: row.holder.node, provenAt: row.provenAt }, { node: life.node, provenAt }) ||
    !isThere(row.holder)

  const free = ({ deviceId, epoch, provenAt }: LinkRow, ended: ClaimRelease['ended']): LinkRow => ({
    deviceId,
    epoch,
    provenAt,
    ended,
  })

  return {
    join: (record) => {
      begin()
      const older = nodes.get(record.node)?.incarnation ?? 0
      const life = { node: record.node, incarnation: Math.max(older + 1, Math.floor(now())) }
      const ended = { at: now(), reason: 'lost', message: 'the node was started again' }
      for (const [id, row] of links) if (row.holder?.node === life.node) write(links, id, free(row, ended))
      write(nodes, life.node, { ...record, ...life, seenAt: now() })
      return life
    },
    beat: (of, record): Beat => {
      const superseded = (nodes.get(of.node)?.incarnation ?? 0) > of.incarnation
      if (!superseded) {
        begin()
        write(nodes, of.node, { ...record, ...of, seenAt: now() })
      }
      const seen = [...nodes.values()].map(({ seenAt, ...node }) => ({ ...node, seenAgo: now() - seenAt }))
      return { now: now(), nodes: seen, superseded, engine: String(life) }
    },
    claim: (life, wants) => {
      begin()
      const given: GivenClaim[] = []
      for (const want of wants) {
        const { deviceId, provenAt, known } = want
        const row = links.get(deviceId)
        if (row !== undefined && !mayClaim(life, want, row)) continue
        const epoch = Math.max((row?.epoch ?? 0) + 1, known + 1)
        write(links, deviceId, { deviceId, holder: life, epoch, provenAt })
        given.push({ deviceId, epoch, ...(row?.holder === undefined ? {} : { before: row.holder }) })
      }
      return given
    },
    release: ({ node }, releases) => {
      begin()
      for (const { deviceId, epoch, ended } of releases) {
        const row = links.get(deviceId)
        if (row?.holder?.node === node && row.epoch === epoch) write(links, deviceId, free(row, ended))
      }
    },
    find: (ids) => ids.flatMap((id) => links.get(id) ?? []),
    naming: (node) => [...links.values()].filter(({ holder }) => holder?.node === node),
    leave: ({ node }) => {
      nodes.delete(node)
    },
    restart: () => {
      life += 1
    },
    loseLastCommit: () => {
      for (const one of undo.toReversed()) one()
      begin()
    },
    link: (deviceId) => links.get(deviceId),
  }
}
