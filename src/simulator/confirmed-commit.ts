import { errorInfo, type RpcError, rpcError } from '../netconf/rpc-error.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import type { Clock } from './clock.js'
import type { Config } from './edit-config.js'
import { type Actor, confirmedCommitEvent } from './netconf-events.js'

/** The parameters of `<commit>` (RFC 6241 §8.4.5); the timeout in seconds. */
export interface CommitRequest {
  readonly confirmed: boolean
  readonly timeout: number
  readonly persist?: string
  readonly persistId?: string
}

/** A commit that is taken back unless another one confirms it in time (RFC 6241 §8.4). */
export interface ConfirmedCommit {
  /** Why a commit may not be made now: one is pending that this is no answer to. */
  readonly refusal: (request: CommitRequest, by: Actor) => readonly RpcError[]
  /** Notes that a commit was made: it starts, extends or completes the pending one. */
  readonly committed: (request: CommitRequest, before: Config, by: Actor) => void
  readonly cancel: (persistId: string | undefined, by: Actor) => readonly RpcError[]
  /** The session that made the pending commit, if there is one. */
  readonly pendingOf: () => number | undefined
  /** A session that ends takes its unconfirmed commit along, unless that was to persist. */
  readonly endSession: (by: Actor) => void
  readonly stop: () => void
}

interface Pending {
  readonly sessionId: number
  readonly persist: string | undefined
  readonly before: Config
  readonly cancelTimer: () => void
}

/** @param restore makes a configuration the running one again */
export function createConfirmedCommit(
  clock: Clock,
  emit: (event: XmlElement) => void,
  restore: (config: Config) => void,
): ConfirmedCommit {
  let pending: Pending | undefined

  const rollBack = (why: 'cancel' | 'timeout', by: Actor | undefined): void => {
    if (pending === undefined) return
    const { before, cancelTimer } = pending
    cancelTimer()
    pending = undefined
    restore(before)
    emit(confirmedCommitEvent(why, by))
  }

  const notOurs = (persistId: string | undefined, by: Actor): readonly RpcError[] => {
    if (pending?.persist === persistId) {
      const other = persistId === undefined && pending !== undefined && pending.sessionId !== by.sessionId
      return other ? [inUse(pending?.sessionId ?? 0)] : []
    }
    if (persistId !== undefined) {
      return [rpcError('invalid-value', 'no pending commit has that persist-id', { info: [badPersistId] })]
    }
    return [inUse(pending?.sessionId ?? 0)]
  }

  return {
    refusal: (request, by) => notOurs(request.persistId, by),
    committed: (request, before, by) => {
      const earlier = pending
      earlier?.cancelTimer()
      if (!request.confirmed) {
        pending = undefined
        if (earlier !== undefined) emit(confirmedCommitEvent('complete', by))
        return
      }
      pending = {
        sessionId: by.sessionId,
        persist: request.persist ?? request.persistId,
        before: earlier?.before ?? before,
        cancelTimer: clock.after(request.timeout * 1000, () => rollBack('timeout', undefined)),
      }
      emit(confirmedCommitEvent(earlier === undefined ? 'start' : 'extend', by, request.timeout))
    },
    cancel: (persistId, by) => {
      if (pending === undefined) return [rpcError('operation-failed', 'no confirmed commit is pending')]
      const errors = notOurs(persistId, by)
      if (errors.length === 0) rollBack('cancel', by)
      return errors
    },
    pendingOf: () => pending?.sessionId,
    endSession: (by) => {
      if (pending?.sessionId === by.sessionId && pending.persist === undefined) rollBack('cancel', by)
    },
    stop: () => {
      pending?.cancelTimer()
      pending = undefined
    },
  }
}

const badPersistId = errorInfo.badElement('persist-id')

function inUse(sessionId: number): RpcError {
  return rpcError('in-use', `the confirmed commit of session ${sessionId} is not confirmed yet`)
}
