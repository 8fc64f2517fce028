import { errorInfo, type RpcError, rpcError } from '../netconf/rpc-error.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import type { Clock } from './clock.js'
import { type CommitRequest, createConfirmedCommit } from './confirmed-commit.js'
import { factoryConfig } from './data-model.js'
import { configChanges } from './data-node.js'
import type { Config } from './edit-config.js'
import { type Actor, configChangeEvent } from './netconf-events.js'
import { validateConfig } from './validate-config.js'

export type DatastoreName = 'running' | 'candidate'

/** The device's configurations with their locks. What answers errors did nothing if there are any. */
export interface Datastores {
  readonly config: (name: DatastoreName) => Config
  readonly lockHolder: (name: DatastoreName) => number | undefined
  readonly lock: (name: DatastoreName, by: Actor) => readonly RpcError[]
  readonly unlock: (name: DatastoreName, by: Actor) => readonly RpcError[]
  /** Why a session may not write: another one holds the lock. */
  readonly refusal: (name: DatastoreName, by: Actor) => readonly RpcError[]
  /** Replaces a configuration; whoever calls has asked `refusal` and judged the content. */
  readonly write: (name: DatastoreName, config: Config, by: Actor) => void
  readonly commit: (request: CommitRequest, by: Actor) => readonly RpcError[]
  readonly cancelCommit: (persistId: string | undefined, by: Actor) => readonly RpcError[]
  readonly discardChanges: (by: Actor) => readonly RpcError[]
  /** Gives up what a session held: locks, the candidate's changes under its lock, its unconfirmed commit. */
  readonly endSession: (by: Actor) => void
  /** Stops the timer of a pending commit. */
  readonly stop: () => void
}

export interface DatastoresOptions {
  readonly deviceId: string
  readonly clock: Clock
  /** Told of each change of the configuration (RFC 6470). */
  readonly emit: (event: XmlElement) => void
  /** The running configuration to begin with; that of the factory where it is not given. */
  readonly initial?: Config
}

/** Datastores in factory state; the configuration is made when first asked for. */
export function createDatastores({ deviceId, clock, emit, initial }: DatastoresOptions): Datastores {
  let running: Config | undefined = initial
  // Undefined while the candidate is no different from running.
  let candidate: Config | undefined
  const locks = new Map<DatastoreName, number>()

  const runningConfig = (): Config => (running ??= factoryConfig(deviceId))
  const run = (config: Config, by: Actor | undefined): void => {
    const changes = configChanges(runningConfig(), config)
    running = config
    if (changes.length > 0) emit(configChangeEvent(changes, by))
  }
  const confirmation = createConfirmedCommit(clock, emit, (config) => run(config, undefined))

  const refusal = (name: DatastoreName, by: Actor): readonly RpcError[] => {
    const holder = locks.get(name)
    if (holder === undefined || holder === by.sessionId) return []
    return [rpcError('in-use', `session ${holder} holds the lock on ${name}`)]
  }

  const lock = (name: DatastoreName, by: Actor): readonly RpcError[] => {
    const holder = locks.get(name)
    if (holder !== undefined) return lockDenied(`session ${holder} holds the lock on ${name}`, holder)
    if (name === 'candidate' && candidate !== undefined) {
      return lockDenied('the candidate has changes that were neither committed nor discarded', 0)
    }
    const committer = confirmation.pendingOf()
    if (name === 'running' && committer !== undefined && committer !== by.sessionId) {
      return lockDenied('a confirmed commit is not confirmed yet', committer)
    }
    locks.set(name, by.sessionId)
    return []
  }

  const unlock = (name: DatastoreName, by: Actor): readonly RpcError[] => {
    if (locks.get(name) !== by.sessionId) {
      return [rpcError('operation-failed', `this session does not hold the lock on ${name}`, { type: 'protocol' })]
    }
    locks.delete(name)
    if (name === 'candidate') candidate = undefined
    return []
  }

  return {
    config: (name) => (name === 'candidate' ? (candidate ?? runningConfig()) : runningConfig()),
    lockHolder: (name) => locks.get(name),
    lock,
    unlock,
    refusal,
    write: (name, config, by) => {
      if (name === 'running') run(config, by)
      else candidate = config
    },
    commit: (request, by) => {
      const next = candidate ?? runningConfig()
      const errors = [...refusal('candidate', by), ...refusal('running', by)]
      const problems = errors.length > 0 ? errors : [...confirmation.refusal(request, by), ...validateConfig(next)]
      if (problems.length > 0) return problems
      const before = runningConfig()
      run(next, by)
      candidate = undefined
      confirmation.committed(request, before, by)
      return []
    },
    cancelCommit: (persistId, by) => confirmation.cancel(persistId, by),
    discardChanges: (by) => {
      const errors = refusal('candidate', by)
      if (errors.length === 0) candidate = undefined
      return errors
    },
    endSession: (by) => {
      for (const name of ['candidate', 'running'] as const) {
        if (locks.get(name) === by.sessionId) unlock(name, by)
      }
      confirmation.endSession(by)
    },
    stop: confirmation.stop,
  }
}

function lockDenied(message: string, holder: number): readonly RpcError[] {
  return [rpcError('lock-denied', message, { type: 'protocol', info: [errorInfo.sessionId(holder)] })]
}
