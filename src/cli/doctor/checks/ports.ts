import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import { text } from 'node:stream/consumers'
import { strangerText } from '../../../lib/stranger-text.js'
import { networkList } from '../../../net/network-list.js'
import { SSH_SOFTWARE } from '../../../ssh/algorithms.js'
import { type Dialled, dial } from '../dial.js'
import { failed, type Finding, notChecked, ok, orWell, warning } from '../finding.js'
import { type BridgeView, type Patient, usableConfig } from '../patient.js'

/** What is expected behind a port. */
type Behaviour = 'call-home' | 'endpoint' | 'http'

interface Port {
  /** For people: the key of the configuration. */
  readonly key: string
  readonly behaviour: Behaviour
  readonly host: string
  readonly port: number
  /** Whether TLS is spoken. */
  readonly tls?: boolean
}

const WHO = (port: number): string => `sudo ss -tlnp 'sport = :${port}' names the program`

/** Are the ports reachable, and is behind each of them what should be? Without a bridge: are they free? */
export async function checkPorts(patient: Patient, signal: AbortSignal): Promise<readonly Finding[]> {
  const { bridge } = patient
  if (!bridge.answers) return whileNoneRuns(patient, signal)
  const addresses = bridge.facts?.addresses
  if (addresses === undefined || addresses === null) return [notChecked('the bridge does not say where it listens')]
  const ports = portsOf(addresses)
  const dialled = await Promise.all(ports.map((port) => ofPort(port, { patient, signal })))
  return [...dialled, ...misplaced(ports)]
}

function portsOf({
  callHome,
  endpoint,
  furtherEndpoints,
  legacyEndpoint,
  http,
}: NonNullable<BridgeView['addresses']>): readonly Port[] {
  return [
    { key: 'call-home.ssh', behaviour: 'call-home', ...hostAndPortOf(callHome) },
    { key: 'endpoint.ssh', behaviour: 'endpoint', ...hostAndPortOf(endpoint) },
    ...furtherEndpoints.map(
      (further): Port => ({
        key: 'endpoint.ssh.further-ports',
        behaviour: 'endpoint',
        ...hostAndPortOf(further),
      }),
    ),
    // A bridge of an earlier version does not tell it.
    ...(typeof legacyEndpoint === 'string'
      ? [{ key: 'endpoint.ssh.legacy', behaviour: 'endpoint' as const, ...hostAndPortOf(legacyEndpoint) }]
      : []),
    ...(http === null
      ? []
      : [{ key: 'endpoint.http', behaviour: 'http' as const, ...hostAndPortOf(http), tls: http.startsWith('https:') }]),
  ]
}

/** Of `address:port`, `[address]:port` or a URL of these. */
function hostAndPortOf(written: string): Pick<Port, 'host' | 'port'> {
  const [, host = '', port = ''] = /^(?:\w+:\/\/)?\[?(.*?)\]?:(\d+)\/?$/.exec(written) ?? []
  return { host, port: Number(port) }
}

/** The same port as it is dialled from here: every address of a machine includes its loopback one. */
function atThe({ location, elsewhere }: Patient, port: Port): Port {
  if (elsewhere && location?.kind === 'url' && !isLoopback(port.host))
    return { ...port, host: location.url.hostname.replace(/^\[|\]$/g, '') }
  return port.host === '::' || port.host === '0.0.0.0' ? { ...port, host: '127.0.0.1' } : port
}

function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || host.startsWith('127.')
}

async function ofPort(
  bound: Port,
  { patient, signal }: { readonly patient: Patient; readonly signal: AbortSignal },
): Promise<Finding> {
  const { key, behaviour, host, port, tls = false } = atThe(patient, bound)
  const where = `${key}: ${isIP(host) === 6 ? `[${host}]` : host} port ${port}`
  if (patient.elsewhere && isLoopback(bound.host))
    return notChecked(`${where} is on the loopback address of the bridge alone`)
  const dialled = await dialOneOf(loopbacksOf(bound, host), port, signal)
  if (!dialled.open) {
    const hint = patient.elsewhere
      ? 'let it through every firewall and security group on the way, and every NAT'
      : 'sudo nft list ruleset shows what is filtered here; look at the log of the bridge'
    return failed(`${where} does not answer (${dialled.code})`, hint)
  }
  if (behaviour !== 'call-home' && wantsProxyHeader(patient, behaviour, host))
    return notChecked(
      `${where} is open, and takes this machine for a load balancer: without a PROXY header it is not served, ` +
        `see endpoint.${behaviour === 'endpoint' ? 'ssh' : 'http'}.proxy-protocol.from`,
    )
  if (behaviour === 'http' && dialled.greeting === '') return ofHttp(where, { host, port, tls, signal })
  return judged({ where, port, behaviour }, dialled)
}

/** Whether connections from here must begin with a header: who dials an address of this machine comes from it. */
function wantsProxyHeader(patient: Patient, behaviour: 'endpoint' | 'http', host: string): boolean {
  const endpoint = usableConfig(patient)?.endpoint
  const from = (behaviour === 'endpoint' ? endpoint?.ssh : endpoint?.http)?.proxyProtocol.from ?? []
  return networkList(from)(host)
}

/** A machine may have no IPv4, where `::` is its every address nevertheless. */
function loopbacksOf({ host: bound }: Pick<Port, 'host'>, host: string): readonly string[] {
  return bound === '::' && host === '127.0.0.1' ? [host, '::1'] : [host]
}

async function dialOneOf(
  [first = '', ...others]: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Dialled> {
  const dialled = await dial(first, port, signal)
  return dialled.open || others.length === 0 ? dialled : dialOneOf(others, port, signal)
}

/** Whether the API is behind a port: nothing secret is sent, so no certificate is asked for. */
async function ofHttp(
  where: string,
  {
    tls,
    ...options
  }: { readonly host: string; readonly port: number; readonly tls: boolean; readonly signal: AbortSignal },
): Promise<Finding> {
  const request = tls ? requestHttps : requestHttp
  const body = await new Promise<string>((resolve) => {
    const asked = request({ ...options, path: '/healthz', agent: false, rejectUnauthorized: false }, (answer) => {
      text(answer)
        .then(resolve)
        .catch(() => resolve(''))
    })
    asked.once('error', () => resolve(''))
    asked.end()
  })
  if (body.includes('"status":"ok"')) return ok(`${where} answers requests`)
  return failed(`${where} takes connections, and is no API of a bridge`, WHO(options.port))
}

/** Whether what greets, or keeps silent, is what should be there. */
function judged(
  { where, port, behaviour }: { readonly where: string; readonly port: number; readonly behaviour: Behaviour },
  { greeting }: Extract<Dialled, { open: true }>,
): Finding {
  const shown = JSON.stringify(strangerText(greeting))
  const ours = greeting.startsWith(`SSH-2.0-${SSH_SOFTWARE}`)
  if (behaviour === 'endpoint') {
    if (ours) return ok(`${where} greets clients`)
    if (greeting === '')
      return failed(`${where} does not greet as an SSH server does: is it the call-home port?`, WHO(port))
    return failed(`${where} is answered by another program: ${shown}`, WHO(port))
  }
  if (greeting === '') return ok(`${where} takes calls of devices`)
  if (ours)
    return failed(
      `${where} greets as the clients' port does: the two are mixed up`,
      'compare call-home.ssh.port and endpoint.ssh.port',
    )
  return failed(`${where} is answered by another program: ${shown}`, WHO(port))
}

/** The registered ports, each on the other side (RFC 6242, RFC 8071). */
function misplaced(ports: readonly Port[]): readonly Finding[] {
  return ports.flatMap(({ key, behaviour, port }) => {
    if (behaviour === 'call-home' && (port === 830 || port === 22))
      return [
        warning(
          `${key}: devices call home on ${port}, a port of clients`,
          'the usual ones: 4334 for devices, 830 for clients',
        ),
      ]
    if (behaviour === 'endpoint' && (port === 4334 || port === 4335))
      return [
        warning(
          `${key}: clients log in on ${port}, a port of devices`,
          'the usual ones: 4334 for devices, 830 for clients',
        ),
      ]
    return []
  })
}

/** Somebody who has the port already would keep the bridge from starting. */
async function whileNoneRuns(patient: Patient, signal: AbortSignal): Promise<readonly Finding[]> {
  const config = usableConfig(patient)
  if (patient.elsewhere || config === undefined)
    return [notChecked('no bridge answers that would say where it listens')]
  const { callHome, endpoint } = config
  const configured = [
    { key: 'call-home.ssh', ...callHome.ssh },
    { key: 'endpoint.ssh', address: endpoint.ssh.address, port: endpoint.ssh.port },
    ...endpoint.ssh.furtherPorts.map((port) => ({
      key: 'endpoint.ssh.further-ports',
      address: endpoint.ssh.address,
      port,
    })),
    ...(endpoint.ssh.legacy === undefined
      ? []
      : [
          {
            key: 'endpoint.ssh.legacy',
            address: endpoint.ssh.legacy.address ?? endpoint.ssh.address,
            port: endpoint.ssh.legacy.port,
          },
        ]),
    { key: 'endpoint.http', address: endpoint.http.address, port: endpoint.http.port },
  ]
  const findings = await Promise.all(
    configured.flatMap(({ key, address, port }) => {
      if (port === 'none' || port === 0) return []
      const bound = { key, behaviour: 'call-home', host: address, port } as const
      return [taken({ key, hosts: loopbacksOf(bound, atThe(patient, bound).host), port }, signal)]
    }),
  )
  return orWell(findings, 'the configuration leaves the ports to chance')
}

async function taken(
  { key, hosts, port }: Pick<Port, 'key' | 'port'> & { readonly hosts: readonly string[] },
  signal: AbortSignal,
): Promise<Finding> {
  const dialled = await dialOneOf(hosts, port, signal)
  if (!dialled.open) return ok(`${key}: port ${port} is free`)
  const greeting =
    dialled.greeting === '' ? '' : `, which greets with ${JSON.stringify(strangerText(dialled.greeting))}`
  return failed(`${key}: port ${port} is taken by a program that is no bridge found here${greeting}`, WHO(port))
}
