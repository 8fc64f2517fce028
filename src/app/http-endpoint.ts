import type { Config } from '../config/schema.js'
import { sourceList } from '../net/network-list.js'
import type { NetworkSide } from '../northbound/http/app.js'
import type { Api } from '../northbound/http/api.js'
import { createHttpListener, type HttpListener, type HttpListenerOptions } from '../northbound/http/server/tcp.js'
import { proxyTrust } from '../northbound/http/middleware/peer.js'
import { readTlsMaterial, type TlsFiles, type TlsMaterial } from '../northbound/http/server/tls-material.js'
import { inBackground } from '../lib/background.js'
import { watchFiles } from '../lib/watch-files.js'
import type { Live } from '../lib/live-value.js'
import type { Log } from '../telemetry/log.js'
import { keepSelfSigned, selfSignedFiles, selfSignedNames } from './self-signed.js'
import { StartError } from './start-error.js'

/** The HTTP API on its TCP port, with its certificate kept up to date. */
export interface HttpEndpoint extends Pick<HttpListener, 'server' | 'quiet'> {
  /** `http` or `https`. */
  readonly scheme: 'http' | 'https'
  readonly close: () => void
}

type HttpConfig = Pick<Config, 'endpoint' | 'dataDir'>

/** A pair is replaced one file after the other. */
const PAIR_TIMES = { settle: 300 }

/** Milliseconds between looks at how long the certificate of its own is good for. */
const DAY = 24 * 60 * 60 * 1000

/** Builds the HTTP API on TCP; the caller makes its server listen. Throws `StartError`. */
export async function createHttpEndpoint(
  settings: Live<{ readonly config: HttpConfig }>,
  createApp: (network: NetworkSide) => Pick<Api, 'fetch'>,
  { log, isUnlimited, connectionRefused }: Omit<HttpListenerOptions, 'tls'>,
): Promise<HttpEndpoint> {
  const config = (): HttpConfig => settings.current.config
  const initial = config()
  let proxies = proxiesOf(initial)
  let proxySources = sourceList(initial.endpoint.http.trustedProxies)
  let material = await firstMaterial(initial, log)
  const knowsHost = (name: string): boolean =>
    config().endpoint.http.names.includes(name) || material?.leaf.checkHost(name) !== undefined
  const metricsArePublic = (): boolean => config().endpoint.http.metrics === 'public'
  const app = createApp({ proxies: () => proxies, knowsHost, metricsArePublic })
  const listener = createHttpListener(app, initial.endpoint.http, {
    tls: material,
    log,
    // Behind a proxy are others, who have limits of their own there.
    isUnlimited: (network) => isUnlimited(network) || proxySources(network),
    connectionRefused,
  })

  let told = ''
  /** A pair that is of no use is told once, and the one before stays. */
  const lookAgain = async (): Promise<void> => {
    const files = filesOf(config())
    if (files === undefined || material === undefined) return
    const reading = await readTlsMaterial(files)
    if (!reading.ok) {
      const { message, hint } = reading.problem
      if (told !== message) log.error({ hint }, `certificate of HTTP not renewed, the one before stays: ${message}`)
      told = message
      return
    }
    told = ''
    material = reading.material
    if (!listener.present(reading.material)) return
    log.info(described(reading.material), 'certificate of HTTP renewed')
  }
  const look = (): void => {
    lookAgain().catch((error: unknown) => log.error({ err: error }, 'certificate of HTTP not looked at'))
  }
  /** A certificate of its own that cannot be written is told, and the one before stays. */
  const renew = (): Promise<void> =>
    renewOwn(config(), log).catch((error: unknown) => log.error({ err: error }, 'certificate of its own not renewed'))
  const watchOf = (next: HttpConfig) => watchFiles(Object.values(filesOf(next) ?? {}), look, PAIR_TIMES)
  let watch = watchOf(config())
  const daily = setInterval(() => {
    inBackground('http', renew().then(look))
  }, DAY)
  daily.unref()
  settings.onChange(
    (next) => next.config,
    async (next) => {
      proxies = proxiesOf(next)
      proxySources = sourceList(next.endpoint.http.trustedProxies)
      listener.configure(next.endpoint.http)
      watch.close()
      watch = watchOf(next)
      await renew()
      await lookAgain()
    },
  )

  return {
    server: listener.server,
    quiet: () => listener.quiet(),
    scheme: material === undefined ? 'http' : 'https',
    close: () => {
      watch.close()
      clearInterval(daily)
      listener.close()
    },
  }
}

function proxiesOf({ endpoint: { http } }: HttpConfig) {
  return proxyTrust(http.trustedProxies, http.proxyHeader)
}

/** The files with what is presented, or undefined without TLS. */
function filesOf({ endpoint: { http }, dataDir }: HttpConfig): TlsFiles | undefined {
  const { certificate, key, clientCa, selfSigned } = http
  const pair = selfSigned
    ? selfSignedFiles(dataDir)
    : certificate !== undefined && key !== undefined
      ? { certificate, key }
      : undefined
  return pair && { ...pair, ...(clientCa === undefined ? {} : { clientCa }) }
}

async function renewOwn({ endpoint: { http }, dataDir }: HttpConfig, log: Log): Promise<void> {
  if (http.selfSigned) await keepSelfSigned(dataDir, selfSignedNames(http.names), log)
}

async function firstMaterial(config: HttpConfig, log: Log): Promise<TlsMaterial | undefined> {
  const files = filesOf(config)
  if (files === undefined) return undefined
  await renewOwn(config, log).catch((error: NodeJS.ErrnoException) => {
    throw new StartError(
      `endpoint.http.self-signed: cannot keep a certificate in ${config.dataDir} (${error.code ?? error.message})`,
      'give a data-dir that the user of the bridge may write, or name endpoint.http.certificate and key',
    )
  })
  const reading = await readTlsMaterial(files)
  if (!reading.ok) throw new StartError(`endpoint.http.certificate: ${reading.problem.message}`, reading.problem.hint)
  log.info(described(reading.material), 'certificate of HTTP')
  return reading.material
}

function described({ leaf }: TlsMaterial): object {
  return { subject: leaf.subject, names: leaf.subjectAltName, validTo: leaf.validTo, fingerprint: leaf.fingerprint256 }
}
