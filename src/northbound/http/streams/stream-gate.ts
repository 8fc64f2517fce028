import type { Context } from 'hono'
import { principalKey } from '../../../access/authz/principal.js'
import { createFairShare, USER_SHARES } from '../../../net/fair-share.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { answerProblem } from '../problem.js'

type Entrance = { readonly ok: true; readonly leave: () => void } | { readonly ok: false; readonly response: Response }

/** Lets a stream in, as long as there are not too many, in all and of one user. */
export function enterStream(c: Context<ApiEnv>, { streams, rpc }: Pick<HttpServices, 'streams' | 'rpc'>): Entrance {
  const { maxStreams, maxStreamsPerUser } = rpc.limits()
  const shares = (streams.shares ??= createFairShare(() => rpc.limits().maxStreams, USER_SHARES))
  const user = principalKey(c.get('caller').principal)
  if (streams.open >= maxStreams)
    return {
      ok: false,
      response: answerProblem(c, 'too-many-calls', {
        message: `${maxStreams} event streams are open`,
        hint: 'try again, or raise endpoint.http.max-streams',
        retryAfter: 5,
      }),
    }
  if (maxStreamsPerUser === undefined ? !shares.mayHaveMore(user) : shares.holds(user) >= maxStreamsPerUser)
    return {
      ok: false,
      response: answerProblem(c, 'too-many-calls', {
        message: `${shares.holds(user)} event streams of yours are open`,
        hint: 'close some, or raise endpoint.http.max-streams-per-user',
        retryAfter: 5,
      }),
    }
  streams.open += 1
  shares.take(user)
  let inside = true
  return {
    ok: true,
    leave: () => {
      if (!inside) return
      inside = false
      streams.open -= 1
      shares.give(user)
    },
  }
}
