import type { SelectableDevice } from '../../../access/authz/device-selector.js'
import { formatOperation, type Operation } from '../../../access/authz/operation.js'
import { decide } from '../../../access/authz/operation-rule.js'
import type { Permission, PermissionDecision } from '../../../access/authz/permission.js'
import type { Log } from '../../../telemetry/log.js'
import type { RequestCache } from '../../../netconf/request-cache.js'
import type { InspectionBudget } from './inspection-budget.js'
import { createRequestGuard, type Denial, type RequestGuardLimits, type RequestGuardOptions } from './request-guard.js'
import type { StartGuard } from '../../../relay/relay-guard.js'

/** What the guards of all sessions share. */
export interface GuardContext {
  readonly limits: RequestGuardLimits
  readonly held: InspectionBudget
  readonly known: RequestCache<Operation>
  /** What the user of a session may do on its device by the newest roles. */
  readonly permissionNow: (device: SelectableDevice) => PermissionDecision
  /** Told of each request that was refused. */
  readonly onDenied?: (denial: Denial) => void
}

/** The guard of a session, where its permission has rules on operations. */
export function guardOf(
  permission: Permission,
  device: SelectableDevice,
  { limits, held, known, permissionNow, onDenied, log }: GuardContext & { readonly log: Log },
): StartGuard | undefined {
  if (permission.operations.kind === 'all') return undefined
  const logDenial = createDenialLog(log, permission.roles)
  const options: RequestGuardOptions = {
    limits,
    held,
    known,
    roles: permission.roles,
    decide: (operation) => {
      const now = permissionNow(device)
      return now.allowed ? decide(now.permission.operations, operation) : now
    },
    onDenied: (denial) => {
      logDenial(denial)
      onDenied?.(denial)
    },
  }
  return (sinks) => createRequestGuard(options, sinks)
}

/** Lines on denials that a session may have logged at once, and milliseconds until it may again. */
const MAX_LINES = 20
const LINES_INTERVAL = 10_000

/** Logs denials; of a flood, the first lines and how many more there were. */
function createDenialLog(log: Log, roles: readonly string[]): (denial: Denial) => void {
  let began = 0
  let lines = 0
  let unlogged = 0
  return ({ operation, reason }) => {
    const now = Date.now()
    if (now - began >= LINES_INTERVAL) {
      began = now
      lines = 0
    }
    lines += 1
    if (lines > MAX_LINES) {
      unlogged += 1
      return
    }
    const asked =
      operation === undefined
        ? {}
        : {
            operation: operation.name.slice(0, MAX_TEXT),
            namespace: operation.namespace.slice(0, MAX_TEXT),
            ...(operation.uses[0] === undefined ? {} : { datastore: operation.uses[0].datastore.slice(0, MAX_TEXT) }),
          }
    log.warn(
      { ...asked, roles, reason, ...(unlogged === 0 ? {} : { notLogged: unlogged }) },
      `operation denied: ${operation === undefined ? 'not one operation' : formatOperation(operation)}`,
    )
    unlogged = 0
  }
}

/** Characters of what a client chose that the log holds. */
const MAX_TEXT = 200
