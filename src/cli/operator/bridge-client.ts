import type { IncomingMessage } from 'node:http'
import { userInfo } from 'node:os'
import { isDenial } from '../../lib/is-denial.js'
import { shellWord } from '../../lib/shell-word.js'
import { problemSchema } from '../../northbound/http/problem.js'
import { bridgeSocketIn, SERVICE_SOCKET } from '../../app/bridge-socket.js'
import { PACKAGE_CONFIG, PACKAGE_DATA_DIR } from '../../config/package-places.js'
import { startCommand } from '../where-it-runs.js'
import { callBridge, NoSocketAnswers, type TriedSocket } from './bridge-stream.js'
import type { CommandFailure } from '../command-failure.js'
import type { BridgeLocation } from './find-bridge.js'
import { hintForCommands, optionsInsteadOfFields, unknownDeviceIn, withNearestId } from './in-words-of-commands.js'
import { listedDevices } from './listed-devices.js'
import { ownerOf } from './owner-of.js'
import { parsedJson } from './parsed-json.js'

/** What a running bridge answered: the text is JSON, as it came. */
export type BridgeAnswer =
  | { readonly ok: true; readonly text: string }
  /** `text` is there when the bridge itself refused: its problem detail. */
  | { readonly ok: false; readonly problem: CommandFailure; readonly text?: string }

/** A request to a running bridge; `path` starts with `/`. */
export interface BridgeRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** Milliseconds. */
  readonly timeout?: number
}

const SERVICE_DATA_SOCKET = bridgeSocketIn(PACKAGE_DATA_DIR)

const USUAL_TIMEOUT = 30_000
/** Bytes; thousands of devices are some megabytes. */
const LONGEST_ANSWER = 64 * 1024 * 1024

/** Asks a running bridge. Never throws: whatever is wrong is a problem that can be shown to the operator. */
export async function askBridge(location: BridgeLocation, asked: BridgeRequest): Promise<BridgeAnswer> {
  try {
    const { status, text } = await exchange(location, asked)
    if (status >= 200 && status < 300) return { ok: true, text }
    return await nearerRefusal(location, asked, refusal(location, status, text))
  } catch (error) {
    return { ok: false, problem: await notReached(location, error as Error) }
  }
}

/** The same refusal in the words of commands: their options, and the device that was most likely meant. */
export async function nearerRefusal(
  location: BridgeLocation,
  { method, path }: Pick<BridgeRequest, 'method' | 'path'>,
  answer: BridgeAnswer,
): Promise<BridgeAnswer> {
  if (answer.ok) return answer
  const { message, ...rest } = answer.problem
  const problem = { ...rest, message: method === 'GET' ? optionsInsteadOfFields(message) : message }
  return { ...answer, problem: await nearerTo(location, path, problem) }
}

async function nearerTo(location: BridgeLocation, path: string, problem: CommandFailure): Promise<CommandFailure> {
  const id = unknownDeviceIn(path, problem)
  if (id === undefined) return problem
  try {
    const { text } = await exchange(location, { method: 'GET', path: '/api/v1/devices', timeout: LIST_TIMEOUT })
    const devices = listedDevices(text)
    if (devices === undefined) return problem
    return withNearestId(
      problem,
      id,
      devices.map((device) => device.id),
    )
  } catch {
    // Whoever may not see the list, or waits too long for it, is helped less.
    return problem
  }
}

const LIST_TIMEOUT = 5_000

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
  const problem = problemSchema.safeParse(parsedJson(text))
  if (problem.success) {
    const { detail } = problem.data
    const hint = hintForCommands(problem.data.hint)
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

/** Why nothing was answered. */
export async function notReached(location: BridgeLocation, error: Error): Promise<CommandFailure> {
  if (error instanceof NoSocketAnswers) return noSocket(error.tried, location)
  const { code, name, message }: NodeJS.ErrnoException = error
  const where = nameOf(location)
  if (name === 'AbortError' || name === 'TimeoutError')
    return {
      message: `the bridge on ${where} does not answer in time`,
      hint: 'look at its log and its load',
      status: 1,
    }
  if (code !== undefined && /CERT|SIGNATURE|ALTNAME/.test(code))
    return {
      message: `the certificate of ${where} is not trusted: ${code}`,
      hint: code.includes('ALTNAME')
        ? 'call the bridge by a name that its certificate has'
        : 'name the file of its CA, or of its own certificate, in HOMEPORT_CA_FILE',
      status: 1,
    }
  if (location.kind === 'url' && NO_TLS.test(`${code} ${message}`))
    return {
      message: `${where} speaks no TLS`,
      hint: `try http:// instead of https://: HOMEPORT_URL=${shellWord(`http://${location.url.host}`)}`,
      status: 1,
    }
  return {
    message: `no bridge answers on ${where}: ${code ?? message}`,
    hint: location.kind === 'url' ? hintForUrl(location.url, code) : 'is it a bridge that listens there?',
    status: 1,
  }
}

/** What OpenSSL says of an answer that is no TLS: a code of Node's, or words behind EPROTO. */
const NO_TLS = /wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long|bad[ _]record[ _]type/i

function hintForUrl({ protocol }: URL, code: string | undefined): string {
  const usual = 'check HOMEPORT_URL, and that the bridge runs'
  // A port with TLS hangs up on whoever speaks without.
  return protocol === 'http:' && code === 'ECONNRESET' ? `${usual}; if the port speaks TLS, try https://` : usual
}

/** Which sockets were tried, and what said that they are there. */
async function noSocket(tried: readonly TriedSocket[], location: BridgeLocation): Promise<CommandFailure> {
  const forbidden = tried.find(({ code }) => isDenial(code))
  const others = tried.filter((one) => one !== forbidden).map(placeOf)
  const note = location.kind === 'socket' && location.note !== undefined ? location.note.split('\n') : []
  const start = startCommand(tried.some(isOfService))
  if (forbidden === undefined)
    return {
      message: `no bridge answers on ${others.join(', nor on ')}: start it with ${start}`,
      hint: 'or say where it is: --config FILE, --socket PATH, or HOMEPORT_URL with HOMEPORT_TOKEN',
      more: note,
      status: 1,
    }
  const owner = await ownerOf(forbidden.path)
  const owned = owner.path === forbidden.path ? 'it' : owner.path
  return {
    message: `not permitted to open ${placeOf(forbidden)}: ${owned} belongs to ${owner.name}`,
    hint: [
      `run the command as that user: sudo -u ${owner.user ?? 'USER'} homeport …`,
      ...(owner.group === undefined
        ? []
        : [`or join its group and log in anew: sudo adduser ${userInfo().username} ${shellWord(owner.group)}`]),
    ].join('; '),
    more: [...(others.length === 0 ? [] : [`no bridge answers on ${others.join(', nor on ')}`]), ...note],
    status: 1,
  }
}

/** Whether the socket is one of the package's service. */
function isOfService({ path, config }: TriedSocket): boolean {
  return path === SERVICE_SOCKET || path === SERVICE_DATA_SOCKET || config === PACKAGE_CONFIG
}

function placeOf({ path, config }: TriedSocket): string {
  return config === undefined ? path : `${path} (the data-dir of ${config})`
}

function nameOf(location: BridgeLocation): string {
  return location.kind === 'socket' ? location.path : location.url.href
}
