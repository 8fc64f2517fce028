import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { principalKey } from '../../../access/authz/principal.js'
import type { ApiEnv } from '../api-env.js'
import { answerProblem } from '../problem.js'
import type { CallLimits } from '../../../rpc/call-limits.js'

/**
 * Answers by their `Idempotency-Key`, so that a request that is sent again is not carried out again. In the memory of
 * this process: a restart forgets them.
 */
export interface IdempotencyCache {
  /**
   * Lets the first request with a key act, and gives its answer to whoever repeats it. Without a key everybody acts.
   * @param act `happened` says whether anything may have reached the device; if not, the key is free again
   */
  readonly once: (
    c: Context<ApiEnv>,
    request: RepeatableRequest,
    act: () => Promise<{ readonly response: Response; readonly happened: boolean }>,
  ) => Promise<Response>
}

/** What may be sent again with its key. */
export interface RepeatableRequest {
  /** What it is carried out on: one request may be for many devices. */
  readonly deviceId: string
  readonly body: string | Uint8Array
  /**
   * The answer to somebody who has no right to it, before anything is said of what was kept. Asked only where there is
   * a key.
   */
  readonly refuse: () => Promise<Response | undefined>
}

interface Kept {
  readonly share: Share
  readonly fingerprint: string
  readonly since: number
  /** Undefined while the first request is under way. */
  answer: KeptAnswer | undefined
}

/** What one user has kept. */
interface Share {
  readonly user: string
  keys: number
  /** Bytes of answers. */
  bytes: number
}

interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Undefined for one that was too long to keep. */
  readonly body: Buffer | undefined
}

/** Bytes of an answer that is kept; those to what has an effect are short. */
const LONGEST_KEPT = 64 * 1024
const LONGEST_KEY = 255
/** What of an answer is said again. */
const KEPT_HEADERS = ['content-type', 'location', 'retry-after']

export function createIdempotencyCache(
  limits: () => Pick<
    CallLimits,
    'idempotencyWindow' | 'maxIdempotencyKeys' | 'maxIdempotencyKeysPerUser' | 'maxKeptAnswersPerUser'
  >,
  now: () => number = Date.now,
): IdempotencyCache {
  const answers = new Map<string, Kept>()
  const shares = new Map<string, Share>()

  const once: IdempotencyCache['once'] = async (c, { deviceId, body, refuse }, act) => {
    const given = c.req.header('idempotency-key')
    if (given === undefined) return (await act()).response
    const refused = await refuse()
    if (refused !== undefined) return refused
    if (given === '' || given.length > LONGEST_KEY)
      return answerProblem(c, 'invalid-request', {
        message: `an Idempotency-Key has 1 to ${LONGEST_KEY} characters`,
        hint: 'a random UUID is a good one',
      })
    forgetOld()
    const user = principalKey(c.var.caller.principal)
    const key = JSON.stringify([user, c.req.method, c.req.path, deviceId, given])
    const fingerprint = fingerprintOf(c, body)
    const known = answers.get(key)
    if (known !== undefined) return again(c, known, fingerprint)
    const full = fullFor(user)
    if (full !== undefined) return answerFull(c, full, retryAfter())
    const kept: Kept = { share: shareOf(user), fingerprint, since: now(), answer: undefined }
    answers.set(key, kept)
    kept.share.keys += 1
    try {
      const { response, happened } = await act()
      if (!happened) {
        forget(key, kept)
        return response
      }
      return await keep(kept, response, limits().maxKeptAnswersPerUser)
    } catch (thrown) {
      // What became of it is not known: the key must not let it happen twice.
      kept.answer = { status: 500, headers: {}, body: undefined }
      throw thrown
    }
  }

  const forgetOld = (): void => {
    const { idempotencyWindow } = limits()
    for (const [key, kept] of answers) {
      if (now() - kept.since < idempotencyWindow) break
      if (kept.answer !== undefined) forget(key, kept)
    }
  }

  const shareOf = (user: string): Share => {
    const known = shares.get(user)
    if (known !== undefined) return known
    const share: Share = { user, keys: 0, bytes: 0 }
    shares.set(user, share)
    return share
  }

  const forget = (key: string, { share, answer }: Kept): void => {
    if (!answers.delete(key)) return
    share.keys -= 1
    share.bytes -= answer?.body?.length ?? 0
    if (share.keys === 0) shares.delete(share.user)
  }

  /**
   * The bound that another key would go beyond. No key makes room for another: a request that is repeated would be
   * carried out again.
   */
  const fullFor = (user: string): string | undefined => {
    const { maxIdempotencyKeys, maxIdempotencyKeysPerUser } = limits()
    if ((shares.get(user)?.keys ?? 0) >= maxIdempotencyKeysPerUser) return 'max-idempotency-keys-per-user'
    return answers.size >= maxIdempotencyKeys ? 'max-idempotency-keys' : undefined
  }

  /** Seconds until the oldest key is forgotten. */
  const retryAfter = (): number => {
    const [oldest] = answers.values()
    const left = (oldest?.since ?? 0) + limits().idempotencyWindow - now()
    return Math.max(1, Math.ceil(left / 1000))
  }

  return { once }
}

function answerFull(c: Context<ApiEnv>, key: string, retryAfter: number): Response {
  return answerProblem(c, 'too-many-calls', {
    message: 'as many Idempotency-Keys as may be are kept, and none is forgotten before its time',
    hint: `nothing was carried out; wait, send without a key what may be repeated, or raise endpoint.http.${key}`,
    retryAfter,
  })
}

function again(c: Context<ApiEnv>, { fingerprint, answer }: Kept, wanted: string): Response {
  if (fingerprint !== wanted)
    return answerProblem(c, 'idempotency-key-reused', {
      message: 'another request was sent with this Idempotency-Key',
      hint: 'take a new key for each request, and the same one only to repeat it',
    })
  if (answer === undefined)
    return answerProblem(c, 'idempotency-key-in-use', {
      message: 'the first request with this Idempotency-Key is still under way',
      hint: 'ask again later for its answer',
      retryAfter: 1,
    })
  if (answer.body === undefined)
    return answerProblem(c, 'answer-not-kept', {
      message:
        `the request was carried out, with status ${answer.status}, ` +
        'but its answer was not kept: it was too long, or there was no room',
      hint: 'look at the device (get-config)',
    })
  return new Response(answer.body, {
    status: answer.status,
    headers: { ...answer.headers, 'Idempotency-Replayed': 'true' },
  })
}

/** Reads an answer as far as it may be kept; what is longer goes on to the client, but not into memory. */
async function keep(kept: Kept, response: Response, maxBytes: number): Promise<Response> {
  const { status } = response
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = response.headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
  const parts: Uint8Array[] = []
  const reader = response.body?.getReader()
  let bytes = 0
  while (reader !== undefined && bytes <= LONGEST_KEPT) {
    const { value, done } = await reader.read()
    if (done) break
    parts.push(value)
    bytes += value.length
  }
  if (reader === undefined || bytes <= LONGEST_KEPT) {
    const body = Buffer.concat(parts)
    // Where there is no room for the answer, it is still known that the request was carried out.
    const fits = kept.share.bytes + body.length <= maxBytes
    if (fits) kept.share.bytes += body.length
    kept.answer = { status, headers, body: fits ? body : undefined }
    return new Response(body, { status, headers: response.headers })
  }
  kept.answer = { status, headers, body: undefined }
  const rest = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const part = parts.shift()
      if (part !== undefined) return controller.enqueue(part)
      const { value, done } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return new Response(rest, { status, headers: response.headers })
}

function fingerprintOf(c: Context, body: string | Uint8Array): string {
  const query = new URL(c.req.url).searchParams
  query.delete('timeout')
  return createHash('sha256')
    .update(`${c.req.header('content-type') ?? ''}\n${query.toString()}\n`)
    .update(body)
    .digest('base64')
}
