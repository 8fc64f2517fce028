import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { principalKey } from '../../../access/principal.js'
import type { ApiEnv } from '../api.js'
import { answerProblem } from '../problem.js'
import type { CallLimits } from './call-limits.js'

/**
 * Answers by their `Idempotency-Key`, so that a request that is sent again is not carried out again. In the memory of this process:
 * a restart forgets them.
 */
export interface KeptAnswers {
  /**
   * Lets the first request with a key act, and gives its answer to whoever repeats it. Without a key everybody acts.
   * @param deviceId what it is carried out on: one request may be for many devices
   * @param act `happened` says whether anything may have reached the device; if not, the key is free again
   */
  readonly once: (
    c: Context<ApiEnv>,
    deviceId: string,
    body: string | Uint8Array,
    act: () => Promise<{ readonly response: Response; readonly happened: boolean }>,
  ) => Promise<Response>
}

interface Kept {
  readonly fingerprint: string
  readonly since: number
  /** Undefined while the first request is under way. */
  answer: KeptAnswer | undefined
}

interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Undefined for one that was too long to keep. */
  readonly body: Buffer | undefined
}

/** Octets of an answer that is kept; those to what has an effect are short. */
const longestKept = 64 * 1024
const longestKey = 255
/** What of an answer is said again. */
const keptHeaders = ['content-type', 'location', 'retry-after']

export function createKeptAnswers(
  limits: () => Pick<CallLimits, 'idempotencyWindow' | 'maxIdempotencyKeys'>,
  now: () => number = Date.now,
): KeptAnswers {
  const answers = new Map<string, Kept>()

  const once: KeptAnswers['once'] = async (c, deviceId, body, act) => {
    const given = c.req.header('idempotency-key')
    if (given === undefined) return (await act()).response
    if (given === '' || given.length > longestKey)
      return answerProblem(c, 'invalid-request', {
        message: `an Idempotency-Key has 1 to ${longestKey} characters`,
        hint: 'a random UUID is a good one',
      })
    forgetOld()
    const key = JSON.stringify([principalKey(c.var.caller.principal), c.req.method, c.req.path, deviceId, given])
    const fingerprint = fingerprintOf(c, body)
    const known = answers.get(key)
    if (known !== undefined) return again(c, known, fingerprint)
    if (answers.size >= limits().maxIdempotencyKeys && !forgetOldest())
      return answerProblem(c, 'too-many-calls', {
        message: 'as many requests with an Idempotency-Key as may are under way',
        hint: 'send fewer at a time, or raise endpoint.http.max-idempotency-keys',
        retryAfter: 1,
      })
    const kept: Kept = { fingerprint, since: now(), answer: undefined }
    answers.set(key, kept)
    try {
      const { response, happened } = await act()
      if (!happened) {
        answers.delete(key)
        return response
      }
      return await keep(kept, response)
    } catch (thrown) {
      // What became of it is not known: the key must not let it happen twice.
      kept.answer = { status: 500, headers: {}, body: undefined }
      throw thrown
    }
  }

  const forgetOld = (): void => {
    const { idempotencyWindow } = limits()
    for (const [key, { since, answer }] of answers) {
      if (now() - since < idempotencyWindow) break
      if (answer !== undefined) answers.delete(key)
    }
  }

  const forgetOldest = (): boolean => {
    for (const [key, { answer }] of answers) if (answer !== undefined) return answers.delete(key)
    return false
  }

  return { once }
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
      message: `the request was carried out, with status ${answer.status}, but its answer was too long to be kept`,
      hint: 'look at the device (get-config)',
    })
  return new Response(answer.body, {
    status: answer.status,
    headers: { ...answer.headers, 'Idempotency-Replayed': 'true' },
  })
}

/** Reads an answer as far as it may be kept; what is longer goes on to the client, but not into memory. */
async function keep(kept: Kept, response: Response): Promise<Response> {
  const { status } = response
  const headers = Object.fromEntries(
    keptHeaders.flatMap((name) => {
      const value = response.headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
  const parts: Uint8Array[] = []
  const reader = response.body?.getReader()
  let octets = 0
  while (reader !== undefined && octets <= longestKept) {
    const { value, done } = await reader.read()
    if (done) break
    parts.push(value)
    octets += value.length
  }
  if (reader === undefined || octets <= longestKept) {
    const body = Buffer.concat(parts)
    kept.answer = { status, headers, body }
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
