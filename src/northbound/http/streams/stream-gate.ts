import type { Context } from 'hono'
import { principalKey } from '../../../access/authz/principal.js'
import { createUserPlaces, type UserPlaces } from '../../../net/user-places.js'
import type { CallLimits } from '../../../rpc/call-limits.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { answerProblem } from '../problem.js'

type Entrance = { readonly ok: true; readonly leave: () => void } | { readonly ok: false; readonly response: Response }

/** Places for event streams, of all users and of each. */
export function createStreamPlaces(limits: () => Pick<CallLimits, 'maxStreams' | 'maxStreamsPerUser'>): UserPlaces {
  return createUserPlaces(() => {
    const { maxStreams, maxStreamsPerUser } = limits()
    return { most: maxStreams, mostPerUser: maxStreamsPerUser }
  })
}

/** Lets a stream in, as long as there are not too many, in all and of one user. */
export function enterStream(c: Context<ApiEnv>, { streams, rpc }: Pick<HttpServices, 'streams' | 'rpc'>): Entrance {
  const entrance = streams.enter(principalKey(c.get('caller').principal))
  if (entrance.ok) return entrance
  const words =
    entrance.bound === 'all'
      ? {
          message: `${rpc.limits().maxStreams} event streams are open`,
          hint: 'try again, or raise endpoint.http.max-streams',
        }
      : {
          message: `${entrance.heldByUser} event streams of yours are open`,
          hint: 'close some, or raise endpoint.http.max-streams-per-user',
        }
  return { ok: false, response: answerProblem(c, 'too-many-calls', { ...words, retryAfter: 5 }) }
}
