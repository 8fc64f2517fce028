import type { AuditLog } from '../audit/audit-log.js'
import type { Fleet } from '../fleet/fleet.js'
import { createCallGate } from './call-gate.js'
import type { CallLimits } from './call-limits.js'
import type { Failed } from './call-failure.js'
import { createClientSessions, type ClientSessions } from './client-sessions.js'
import { executeRpc, judgeRpc } from './execute-rpc.js'
import {
  executeTransaction,
  judgeTransaction,
  type TransactionRequest,
  type TransactionResult,
} from './execute-transaction.js'
import type { RpcParts } from './rpc-parts.js'
import type { RpcCaller, RpcRequest, RpcResult } from './rpc-request.js'
import { createSessionPool } from './session-pool.js'

/** A bound on what is in a request, named as its key in `endpoint.http`. */
export type RequestBound = 'max-request-elements' | 'max-selector-patterns'

/** NETCONF calls on devices: what carries them out, the sessions that they share, and their bounds. */
export interface RpcService {
  readonly limits: () => CallLimits
  /** Carries out one request; what is answered to whoever asked is up to them. */
  readonly execute: (request: RpcRequest, caller: RpcCaller) => Promise<RpcResult>
  /** Why a request would be refused now, before it is carried out; undefined where it would not. */
  readonly refusalOf: (request: RpcRequest, caller: RpcCaller) => Promise<Failed | undefined>
  /** The same for edits that are to be carried out together or not at all. */
  readonly transact: (request: TransactionRequest, caller: RpcCaller) => Promise<TransactionResult>
  readonly transactionRefusalOf: (request: TransactionRequest, caller: RpcCaller) => Promise<Failed | undefined>
  /** Sessions that callers open, and close. */
  readonly sessions: ClientSessions
  readonly audit: Pick<AuditLog, 'refusal' | 'rpc'>
  /** Counts an operation that a rule forbade. */
  readonly denied: () => void
  /** Counts a request that was refused because of a bound on what is in it. */
  readonly boundReached: (bound: RequestBound) => void
  /** Keeps no session for calls that may come; those under way are answered, and sessions of callers' own go on. */
  readonly drain: () => void
  /** Ends every session that calls have open. */
  readonly close: () => Promise<void>
}

export function createRpcService(options: {
  readonly fleet: Pick<Fleet, 'openSession' | 'whenAttached' | 'subscribe'>
  readonly limits: () => CallLimits
  readonly audit: Pick<AuditLog, 'refusal' | 'rpc'>
  readonly denied: () => void
  readonly boundReached?: (bound: RequestBound) => void
  /** Whether a device knows its users by name; none does when not given. */
  readonly perUser?: RpcParts['perUser']
}): RpcService {
  const { fleet, limits, audit, denied, boundReached = () => undefined, perUser = () => false } = options
  const pool = createSessionPool(fleet, limits)
  const sessions = createClientSessions(fleet, limits)
  const parts: RpcParts = { fleet, gate: createCallGate(limits), pool, perUser, sessions, audit, denied }
  return {
    limits,
    execute: (request, caller) => executeRpc(parts, request, caller),
    refusalOf: async (request, caller) => {
      const judged = await judgeRpc(parts, request, caller)
      return judged.ok ? undefined : judged
    },
    transact: (request, caller) => executeTransaction(parts, request, caller),
    transactionRefusalOf: async (request, caller) => {
      const judged = await judgeTransaction(parts, request, caller)
      return judged.ok ? undefined : judged
    },
    sessions,
    audit,
    denied,
    boundReached,
    drain: pool.drain,
    close: async () => {
      await Promise.all([pool.close(), sessions.closeAll()])
    },
  }
}
