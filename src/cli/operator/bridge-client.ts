import type { IncomingMessage } from 'node:http'
import { problemSchema } from '../../northbound/http/problem.js'
import { callBridge } from './bridge-stream.js'
import type { CommandFailure } from '../command-failure.js'
import type { BridgeLocation } from './find-bridge.js'
import { ownerOf } from './owner-of.js'

/** What a running bridge answered: the text is JSON, as it came. */
export type BridgeAnswer =
  | { readonly ok: true; readonly text: string }
  /** `text` is there when the bridge itself refused: its problem detail. */
  | { readonly ok: false; readonly problem: CommandFailure; readonly text?: string }

/** A request to a running bridge; `path` starts with `/`. */
export interface BridgeRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** Milliseconds. */
  readonly timeout?: number
}

const USUAL_TIMEOUT = 30_000
/** Bytes; thousands of devices are some megabytes. */
const LONGEST_ANSWER = 64 * 1024 * 1024

/** Asks a running bridge. Never throws: whatever is wrong is a problem that can be shown to the operator. */
export async function askBridge(location: BridgeLocation, asked: BridgeRequest): Promise<BridgeAnswer> {
  try {
    const { status, text } = await exchange(location, asked)
    return status >= 200 && status < 300 ? { ok: true, text } : refusal(location, status, text)
  } catch (error) {
    return { ok: false, problem: await notReached(location, error as NodeJS.ErrnoException) }
  }
}

/**
 * Why a text can stand for no device in a path: an empty segment is none, and every URL parser takes `.` and `..` out
 * of a path.
 */
export function whyUnaddressable(id: string): CommandFailure | undefined {
  return ['', '.', '..'].includes(id) ? { message: `${JSON.stringify(id)} is no device id`, status: 2 } : undefined
}

/** The path of a device; ids may hold what means something else in a path. */
export function devicePath(id: string): string {
  return `/api/v1/devices/${encodeURIComponent(id)}`
}

async function exchange(
  location: BridgeLocation,
  { method, path, body, timeout = USUAL_TIMEOUT }: BridgeRequest,
): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await callBridge(location, {
    method,
    path,
    headers: { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    signal: AbortSignal.timeout(timeout),
  })
  return { status: answer.statusCode ?? 0, text: await readText(answer) }
}

/** The whole of an answer, as long as it is not absurd. */
export async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > LONGEST_ANSWER) throw new Error(`it answers with more than ${LONGEST_ANSWER} octets`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What the bridge says is wrong, or what stands between it and us. */
export function refusal(location: BridgeLocation, status: number, text: string): BridgeAnswer {
  const problem = problemSchema.safeParse(parsed(text))
  if (problem.success) {
    const { detail, hint } = problem.data
    return {
      ok: false,
      text,
      problem: {
        message: detail,
        status: isWrongUsage(problem.data.type) ? 2 : 1,
        ...(hint === undefined ? {} : { hint }),
      },
    }
  }
  return {
    ok: false,
    problem: {
      message: `${nameOf(location)} answers with status ${status}`,
      hint:
        status === 401 || status === 403
          ? 'give a token that has the rights in HOMEPORT_TOKEN'
          : 'is it a bridge, of this version, that answers there?',
      status: 1,
    },
  }
}

/** Whether what was asked was wrong in itself, whatever the state of bridge and device. */
function isWrongUsage(type: string): boolean {
  return /:(invalid-request|unknown-user|malformed-xml|malformed-json|unsupported-media-type)$/.test(type)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Why nothing was answered. */
export async function notReached(
  location: BridgeLocation,
  { code, name, message }: NodeJS.ErrnoException,
): Promise<CommandFailure> {
  const where = nameOf(location)
  if (name === 'AbortError' || name === 'TimeoutError')
    return {
      message: `the bridge on ${where} does not answer in time`,
      hint: 'look at its log and its load',
      status: 1,
    }
  if (location.kind === 'socket') {
    if (code === 'ENOENT' || code === 'ECONNREFUSED')
      return { message: `no bridge answers on ${where}: start it with homeport serve`, status: 1 }
    if (code === 'EACCES' || code === 'EPERM') {
      const owner = await ownerOf(location.path)
      const owned = owner.path === location.path ? 'it' : owner.path
      return {
        message: `not permitted to open ${where}: ${owned} belongs to ${owner.name}`,
        hint: `run the command as that user: sudo -u ${owner.user ?? 'USER'} homeport …`,
        status: 1,
      }
    }
  }
  if (code !== undefined && /CERT|SIGNATURE|ALTNAME/.test(code))
    return {
      message: `the certificate of ${where} is not trusted: ${code}`,
      hint: code.includes('ALTNAME')
        ? 'call the bridge by a name that its certificate has'
        : 'name the file of its CA, or of its own certificate, in HOMEPORT_CA_FILE',
      status: 1,
    }
  return {
    message: `no bridge answers on ${where}: ${code ?? message}`,
    hint:
      location.kind === 'url' ? 'check HOMEPORT_URL, and that the bridge runs' : 'is it a bridge that listens there?',
    status: 1,
  }
}

function nameOf(location: BridgeLocation): string {
  return location.kind === 'socket' ? location.path : location.url.href
}
