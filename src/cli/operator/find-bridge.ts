import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { bridgeSocketIn, SERVICE_SOCKET } from '../../app/bridge-socket.js'
import { readDataDir } from '../../config/data-dir.js'
import { CONFIG_PLACES, type ConfigFile, findConfigFile } from '../../config/find-config.js'
import { formatProblem } from '../../config/problem.js'
import type { CommandFailure } from '../command-failure.js'
import type { CommandIo } from '../command-io.js'

/** A socket where a bridge may answer. */
export interface SocketPlace {
  readonly path: string
  /** The configuration whose data-dir it is in. */
  readonly config?: string
}

/** Where a running bridge answers. */
export type BridgeLocation =
  | ({
      readonly kind: 'socket'
      /** Where it may be otherwise, one after the other, when none answers there. */
      readonly further?: readonly SocketPlace[]
      /** What to know besides where none answers, such as that there is no configuration. */
      readonly note?: string
    } & SocketPlace)
  | {
      readonly kind: 'url'
      readonly url: URL
      readonly token?: string
      /** PEM certificates that are trusted instead of the system’s. */
      readonly ca?: Buffer
    }

export type FoundBridge =
  | { readonly ok: true; readonly location: BridgeLocation }
  | { readonly ok: false; readonly problem: CommandFailure }

/** What was typed to say which bridge is meant. */
export interface BridgeChoice {
  readonly config?: string | undefined
  readonly socket?: string | undefined
}

/** Where things are on this machine; a test has others. */
interface Machine {
  readonly serviceSocket: string
  readonly places: readonly string[]
}

const THIS_MACHINE: Machine = { serviceSocket: SERVICE_SOCKET, places: CONFIG_PLACES }

/**
 * Where the bridge is that is meant: `HOMEPORT_URL` with `HOMEPORT_TOKEN` and `HOMEPORT_CA_FILE`; else the socket that
 * is named by `--socket` or `HOMEPORT_SOCKET`; else the one in the `data-dir` of the configuration that is named by
 * `--config` or `HOMEPORT_CONFIG`; else that of the service, or in the `data-dir` of the configuration that is found.
 * Of the configuration nothing but `data-dir` is read.
 */
export function findBridge(
  { env, cwd }: Pick<CommandIo, 'env' | 'cwd'>,
  choice: BridgeChoice = {},
  machine: Machine = THIS_MACHINE,
): FoundBridge {
  const { HOMEPORT_URL: url = '', HOMEPORT_TOKEN: token = '', HOMEPORT_CA_FILE: caFile = '' } = env
  if (url !== '' && choice.socket !== undefined)
    return {
      ok: false,
      problem: {
        message: 'HOMEPORT_URL and --socket say different things of where the bridge is',
        hint: 'leave --socket away, or HOMEPORT_URL: env -u HOMEPORT_URL homeport …',
        status: 2,
      },
    }
  if (url !== '') return fromUrl(url, token, caFile === '' ? undefined : resolve(cwd, caFile))
  const { HOMEPORT_SOCKET: usual = '' } = env
  const socket = choice.socket ?? (usual === '' ? undefined : usual)
  if (socket !== undefined) return { ok: true, location: { kind: 'socket', path: resolve(cwd, socket) } }
  const found = findConfigFile({ path: choice.config, cwd, env, places: machine.places })
  if (found.ok && found.namedBy !== undefined) return inNamed(found, { env, cwd })
  return { ok: true, location: onThisHost(machine.serviceSocket, found, { env, cwd }) }
}

type Surroundings = Pick<CommandIo, 'env' | 'cwd'>

function inNamed(file: ConfigFile, surroundings: Surroundings): FoundBridge {
  const read = readDataDir({ ...file, ...surroundings })
  if (read.ok) return { ok: true, location: { kind: 'socket', path: bridgeSocketIn(read.dataDir), config: file.file } }
  return {
    ok: false,
    problem: {
      message: 'the configuration does not tell where the bridge is:',
      more: formatProblem(read.problem).split('\n'),
      status: 2,
    },
  }
}

/** The service first: its socket is there only while one runs, and needs nothing to be read. */
function onThisHost(
  serviceSocket: string,
  found: ReturnType<typeof findConfigFile>,
  surroundings: Surroundings,
): BridgeLocation {
  const read = found.ok ? readDataDir({ ...found, ...surroundings }) : found
  const service = { kind: 'socket', path: serviceSocket } as const
  if (!read.ok || !found.ok) return read.ok ? service : { ...service, note: formatProblem(read.problem) }
  return { ...service, further: [{ path: bridgeSocketIn(read.dataDir), config: found.file }] }
}

function fromUrl(written: string, token: string, caFile: string | undefined): FoundBridge {
  const url = URL.canParse(written) ? new URL(written) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return wrongUrl('is no http: or https: URL', 'as in https://bridge.example.net:8080')
  // It would be shown in errors and process lists; a token has a variable of its own.
  if (url.username !== '' || url.password !== '')
    return wrongUrl('has a user or password in it', 'give a token in HOMEPORT_TOKEN instead')
  if (url.search !== '' || url.hash !== '')
    return wrongUrl('has a query or a fragment', 'give only what stands before /api')
  if (/[^\x21-\x7e]/.test(token))
    return { ok: false, problem: { message: 'HOMEPORT_TOKEN is no token', hint: 'it has no spaces', status: 2 } }
  // The bridge would refuse it, but then it has been sent.
  if (token !== '' && url.protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname))
    return wrongUrl('would send the token without TLS', 'use https:, or tunnel the port to this machine')
  const ca = caFile === undefined ? undefined : certificatesIn(caFile)
  if (typeof ca === 'string')
    return {
      ok: false,
      problem: { message: `HOMEPORT_CA_FILE: ${caFile} cannot be read (${ca})`, hint: 'give a PEM file', status: 2 },
    }
  return {
    ok: true,
    location: { kind: 'url', url, ...(token === '' ? {} : { token }), ...(ca === undefined ? {} : { ca }) },
  }
}

/** The content of a file, or why it cannot be read. */
function certificatesIn(file: string): Buffer | string {
  try {
    return readFileSync(file)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function wrongUrl(fault: string, hint: string): FoundBridge {
  return { ok: false, problem: { message: `HOMEPORT_URL ${fault}`, hint, status: 2 } }
}
