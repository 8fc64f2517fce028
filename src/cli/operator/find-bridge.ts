import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { loadConfig } from '../../config/load.js'
import { formatProblem } from '../../config/problem.js'
import { bridgeSocketIn } from '../../app/bridge-socket.js'
import type { CommandIo } from '../command-io.js'
import type { CommandFailure } from '../command-failure.js'

/** Where a running bridge answers. */
export type BridgeLocation =
  | { readonly kind: 'socket'; readonly path: string }
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

/**
 * `HOMEPORT_URL` with `HOMEPORT_TOKEN` and `HOMEPORT_CA_FILE`, or else the socket in the `data-dir` of the
 * configuration.
 */
export function findBridge({ env, cwd }: Pick<CommandIo, 'env' | 'cwd'>, configFile: string | undefined): FoundBridge {
  const { HOMEPORT_URL: url = '', HOMEPORT_TOKEN: token = '', HOMEPORT_CA_FILE: caFile = '' } = env
  if (url !== '') return fromUrl(url, token, caFile === '' ? undefined : resolve(cwd, caFile))
  const loaded = loadConfig({ path: configFile, cwd, env })
  if (loaded.ok) return { ok: true, location: { kind: 'socket', path: bridgeSocketIn(loaded.config.dataDir) } }
  return {
    ok: false,
    problem: {
      message: 'the configuration does not tell where the bridge is:',
      more: loaded.problems.flatMap((problem) => formatProblem(problem).split('\n')),
      status: 2,
    },
  }
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
