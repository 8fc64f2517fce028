import type { Context } from 'hono'
import type { SessionClient } from '../../../fleet/session-client.js'
import type { RpcCaller } from '../../../rpc/rpc-request.js'
import type { ApiEnv } from '../api.js'
import type { Caller } from '../middleware/caller.js'

/** Whom a call over HTTP is carried out for. */
export function rpcCallerOf(c: Context<ApiEnv>): RpcCaller {
  const { caller, span } = c.var
  return { ...callerOfApi(caller), signal: c.req.raw.signal, span }
}

/** What of a caller of the API a request to a device needs, without the call. */
export function callerOfApi(caller: Caller): Pick<RpcCaller, 'principal' | 'client' | 'authorise'> {
  const { principal, authorise } = caller
  return { principal, authorise, client: clientOf({ var: { caller } }) }
}

/** Whom sessions on devices are opened for. */
export function clientOf({ var: { caller } }: { readonly var: Pick<ApiEnv['Variables'], 'caller'> }): SessionClient {
  return { user: caller.user, source: caller.source, via: 'http' }
}
