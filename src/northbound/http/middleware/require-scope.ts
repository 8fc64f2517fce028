import type { Context, MiddlewareHandler } from 'hono'
import type { Scope } from '../../../access/authz/scope.js'
import type { ApiEnv } from '../api.js'
import { receiveBody } from './bounded-body.js'
import { answerProblem } from '../problem.js'

/**
 * What a route's definition says about who may call it, both to the app and to OpenAPI:
 *
 *     createRoute({ method: 'get', path: '/api/v1/things', ...needs('read'), … })
 *
 * The handler then finds `c.var.caller`, who has the scope. A route without it is open to everybody and has no caller.
 */
export function needs(scope: Scope) {
  return { middleware: requireScope(scope), security: securityOf(scope) }
}

/** The same for a route on one device, whose path names it as `{id}`: the caller has the scope on that device. */
export function needsOnDevice(scope: Scope) {
  return { middleware: requireScopeOnDevice(scope), security: securityOf(scope) }
}

/** Lets a caller with the scope pass; for a route that has no definition. */
export function requireScope(scope: Scope): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const refusal = await identify(c)
    if (refusal !== undefined) return refusal
    if (!c.get('caller').may(scope)) return answerOutOfScope(c, scope)
    return receiveBody(c, next)
  }
}

/** Lets a caller pass who has the scope on the device of the path; others do not learn whether it exists. */
export function requireScopeOnDevice(scope: Scope): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const refusal = await identify(c)
    if (refusal !== undefined) return refusal
    if (!c.get('caller').may(scope)) return answerOutOfScope(c, scope)
    const id = c.req.param('id') ?? ''
    if (!(await c.get('caller').mayOn(scope, id))) return answerNoRights(c, scope, id)
    return receiveBody(c, next)
  }
}

/** Sets who calls, or gives the answer to somebody who has not proven to be anybody. */
async function identify(c: Context<ApiEnv>): Promise<Response | undefined> {
  const identified = await c.get('identify')(c)
  if (!identified.ok) return identified.response
  c.set('caller', identified.caller)
  return undefined
}

function answerOutOfScope(c: Context<ApiEnv>, scope: Scope): Response {
  return answerProblem(c, 'out-of-scope', {
    message: `user ${JSON.stringify(c.get('caller').user)} may not do this: it needs the scope \`${scope}\``,
    hint: 'a role with this scope in its `api`, and a token that has it, would allow it',
    // RFC 6750 §3.1.
    headers: { 'WWW-Authenticate': `Bearer realm="homeport", error="insufficient_scope", scope="${scope}"` },
  })
}

/** Tells a caller that it has not got the scope on a device; a route may find that out later than its definition. */
export function answerNoRights(c: Context<ApiEnv>, scope: Scope, deviceId: string) {
  const user = JSON.stringify(c.get('caller').user)
  return answerProblem(c, 'no-rights', {
    message: `user ${user} has no role with the scope \`${scope}\` on device ${JSON.stringify(deviceId)}`,
    hint: 'ask whoever runs the bridge for a role that includes the device',
  })
}

/** OpenAPI 3.1 lets every scheme name the roles that it needs, not OAuth alone. */
const securityOf = (scope: Scope) => [{ token: [scope] }, { password: [scope] }]
