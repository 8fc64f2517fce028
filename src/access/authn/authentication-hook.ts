import { type IncomingMessage, request as requestByHttp } from 'node:http'
import { request as requestByHttps, type RequestOptions } from 'node:https'
import { createSemaphore } from '../../lib/semaphore.js'

/** Where passwords that are not known here are asked about. */
export interface AuthenticationHookSettings {
  /** `https:`, or `http:` to this machine itself. */
  readonly url: string
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string
  /** Milliseconds for the whole answer, the wait for a place included. */
  readonly timeout: number
  /** PEM of the CAs that its certificate must come from; the system's when absent. */
  readonly ca?: string
  /** Milliseconds that a name and password that it accepted are not asked about again. */
  readonly cache: number
  readonly maxConcurrent: number
}

/** What the hook is asked, as JSON. */
export interface HookQuestion {
  readonly user: string
  readonly password: string
  /** The address that the client dialled from. */
  readonly source: string
  /** The device that was asked for, where that is known. */
  readonly device?: string
  readonly via: 'ssh' | 'http'
}

export type HookAnswer =
  | {
      readonly kind: 'accepted'
      /** Names of roles; absent when the hook gives none. */
      readonly roles?: readonly string[]
      /** The name that the user has from now on. */
      readonly user?: string
    }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unavailable'; readonly message: string }

export type AskHook = (question: HookQuestion) => Promise<HookAnswer>

/** Bytes of an answer that are read. */
const MAX_BYTES = 64 * 1024

/** How many wait for each that is being asked. */
const WAITING_PER_PLACE = 8

/**
 * Asks an HTTP service whether a name and password are right and which roles that gives: 200 with `{"roles": [...],
 * "user"?: "..."}`, or 401, 403. Everything else, also a redirection, is no answer. The answers and the service itself
 * stay out of every message, the password above all.
 */
export function createAuthenticationHook(settings: AuthenticationHookSettings): AskHook {
  const gate = createSemaphore(settings.maxConcurrent, settings.maxConcurrent * WAITING_PER_PLACE)
  return async (question) => {
    const late = AbortSignal.timeout(settings.timeout)
    const passage = await gate(() => answerOf(settings, question, late))
    return passage.entered ? passage.result : unavailable('too many logins are waiting for it')
  }
}

async function answerOf(
  settings: AuthenticationHookSettings,
  question: HookQuestion,
  late: AbortSignal,
): Promise<HookAnswer> {
  const tooLate = `it did not answer within ${settings.timeout} ms`
  if (late.aborted) return unavailable(tooLate)
  try {
    const { status, body } = await post(settings, JSON.stringify(question), late)
    if (status === 401 || status === 403) return { kind: 'refused' }
    if (status !== 200) return unavailable(`it answered with status ${status}`)
    if (body === undefined) return unavailable(`its answer is longer than ${MAX_BYTES} octets`)
    return acceptedBy(body) ?? unavailable('its answer is not of the form {"roles": ["…"]}')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return unavailable(late.aborted ? tooLate : `it cannot be reached (${code ?? 'broken connection'})`)
  }
}

interface Reply {
  readonly status: number
  /** Undefined when there is more of it than is read. */
  readonly body: string | undefined
}

function post({ url, token, ca }: AuthenticationHookSettings, content: string, signal: AbortSignal): Promise<Reply> {
  const options: RequestOptions = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(content),
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    signal,
    ...(ca === undefined ? {} : { ca }),
  }
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? requestByHttps : requestByHttp)(url, options, (response) => {
      bodyOf(response)
        .then((body) => resolve({ status: response.statusCode ?? 0, body }))
        // It is told by the request as well where that is still under way.
        .catch(reject)
    })
    request.on('error', reject)
    request.end(content)
  })
}

async function bodyOf(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // Leaving the loop closes the connection.
    if (bytes > MAX_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function acceptedBy(body: string): HookAnswer | undefined {
  let answer: unknown
  try {
    answer = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return undefined
  const { roles, user } = answer as { readonly roles?: unknown; readonly user?: unknown }
  if (roles !== undefined && !isListOfTexts(roles)) return undefined
  if (user !== undefined && !isUserName(user)) return undefined
  return {
    kind: 'accepted',
    ...(roles === undefined ? {} : { roles }),
    ...(user === undefined ? {} : { user }),
  }
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** As the configuration asks of a user name, because it stands in the log and the audit log. */
function isUserName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255 && !/[\p{C}\p{Z}]/u.test(value)
}

function unavailable(message: string): HookAnswer {
  return { kind: 'unavailable', message }
}
