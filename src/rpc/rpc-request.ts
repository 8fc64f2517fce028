import type { Permission } from '../access/authz/permission.js'
import type { Principal } from '../access/authz/principal.js'
import type { SessionClient } from '../fleet/session-client.js'
import type { RpcError } from '../netconf/rpc-error.js'
import type { XmlAttribute } from '../netconf/xml/xml-tree.js'
import type { Span } from '../telemetry/traces.js'
import type { CallFailure } from './call-failure.js'
import type { DeviceReply } from './device-reply.js'
import type { PreparedOperation } from './prepared-operation.js'

/**
 * One operation that is to be carried out on a device, whichever way it was asked for. It is plain data, so that a job
 * can be kept of it. Times are milliseconds, sizes are bytes.
 */
export interface RpcRequest {
  readonly deviceId: string
  /**
   * A session that the caller has opened; absent where the operation itself decides on which one it runs
   * (`session-policy.ts`).
   */
  readonly sessionId?: string
  readonly operation: PreparedOperation
  /** Of the caller's own `<rpc>`: the audit log names its `message-id`. */
  readonly attributes: readonly XmlAttribute[]
  /** Of the request as the caller sent it, for the audit log. */
  readonly size: number
  /** Until the device begins to answer, and then between two parts of its answer. */
  readonly timeout: number
  /** How long a device is waited for that is not connected. */
  readonly wait: number
  /**
   * The longest reply, where the caller has to have it whole; absent where the reply may have any size, because it is
   * passed on as it comes.
   */
  readonly maxReplySize?: number
}

/** On whose behalf a request is carried out. */
export interface RpcCaller {
  readonly principal: Principal
  /** The same for the fleet, the audit log and the traces. */
  readonly client: SessionClient
  /** What the caller may do on a device, asked anew each time. */
  readonly authorise: (deviceId: string) => Promise<RpcAuthorisation>
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** Of the call, where traces are switched on. */
  readonly span?: Span | undefined
}

/** `refusal.reason` is `unknown-device` only for somebody who may know that the device does not exist. */
export type RpcAuthorisation =
  | {
      readonly allowed: true
      readonly permission: Permission
      /** The account of the device that sessions have to be on; any where absent. */
      readonly account?: string
    }
  | {
      readonly allowed: false
      readonly refusal: { readonly reason: string; readonly message: string; readonly hint: string }
    }

/** What came of a request. */
export type RpcResult =
  /** The device carried it out. Whoever gets the reply reads it to its end, or says that nobody will. */
  | { readonly kind: 'reply'; readonly reply: DeviceReply }
  /** The device answered with errors: at least one. */
  | { readonly kind: 'rpc-error'; readonly errors: readonly RpcError[]; readonly warnings: readonly RpcError[] }
  /** There is no answer of the device: the bridge refused the request, or something broke. */
  | { readonly kind: 'failure'; readonly failure: CallFailure }

/** Whether a request may have had an effect on the device. */
export function mayHaveHappened(result: RpcResult): boolean {
  return result.kind !== 'failure' || result.failure.mayHaveHappened === true
}
