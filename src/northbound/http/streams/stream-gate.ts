import type { Context } from 'hono'
import type { ApiEnv, Ports } from '../api.js'
import { answerProblem } from '../problem.js'

/** How many event streams are open. */
export interface StreamCount {
  open: number
}

type Entrance = { readonly ok: true; readonly leave: () => void } | { readonly ok: false; readonly response: Response }

/** Lets a stream in, as long as there are not too many. */
export function enterStream(c: Context<ApiEnv>, { streams, rpc }: Pick<Ports, 'streams' | 'rpc'>): Entrance {
  const { maxStreams } = rpc.limits()
  if (streams.open >= maxStreams)
    return {
      ok: false,
      response: answerProblem(c, 'too-many-calls', {
        message: `${maxStreams} event streams are open`,
        hint: 'try again, or raise endpoint.http.max-streams',
        retryAfter: 5,
      }),
    }
  streams.open += 1
  let inside = true
  return {
    ok: true,
    leave: () => {
      if (inside) streams.open -= 1
      inside = false
    },
  }
}
