import type { ConfigError } from './config-error.js'
import type { Config } from './schema.js'

const WILDCARDS = ['::', '0.0.0.0']

interface Listener {
  readonly key: string
  readonly path: readonly (string | number)[]
  readonly what: string
  readonly address: string
  readonly port: number | 'none'
}

/** Two listeners cannot have one port of one address. */
export function checkListeners(config: Config): readonly ConfigError[] {
  return [...checkShared(config), ...checkDevices(config)]
}

function checkShared({ callHome, endpoint, cluster }: Config): readonly ConfigError[] {
  const clients = { key: 'endpoint.ssh', what: 'clients log in over SSH', address: endpoint.ssh.address }
  const listeners: readonly Listener[] = [
    { key: 'call-home.ssh', path: ['call-home', 'ssh', 'port'], what: 'devices call home', ...callHome.ssh },
    { ...clients, path: ['endpoint', 'ssh', 'port'], port: endpoint.ssh.port },
    ...endpoint.ssh.furtherPorts.map((port, at) => ({
      ...clients,
      path: ['endpoint', 'ssh', 'further-ports', at],
      port,
    })),
    ...(endpoint.ssh.legacy === undefined
      ? []
      : [
          {
            key: 'endpoint.ssh.legacy',
            path: ['endpoint', 'ssh', 'legacy', 'port'],
            what: 'old clients log in',
            address: endpoint.ssh.legacy.address ?? endpoint.ssh.address,
            port: endpoint.ssh.legacy.port,
          },
        ]),
    { key: 'endpoint.http', path: ['endpoint', 'http', 'port'], what: 'the HTTP API answers', ...endpoint.http },
    ...(cluster?.listen === undefined
      ? []
      : [
          {
            key: 'cluster.listen',
            path: ['cluster', 'listen'],
            what: 'other nodes are listened to',
            ...cluster.listen,
          },
        ]),
  ]
  return listeners.flatMap((ours, at): readonly ConfigError[] => {
    const theirs = listeners.slice(0, at).find((other) => clash(ours, other))
    if (theirs === undefined) return []
    return [
      {
        path: ours.path,
        message: `${theirs.what} on port ${ours.port} already`,
        hint:
          ours.key === theirs.key
            ? 'remove one of the two'
            : `give \`${theirs.key}\` and \`${ours.key}\` different ports`,
      },
    ]
  })
}

function clash(ours: Listener, theirs: Listener): boolean {
  if (ours.port === 0 || ours.port !== theirs.port || ours.port === 'none') return false
  return ours.address === theirs.address || [ours.address, theirs.address].some((each) => WILDCARDS.includes(each))
}

/** What is a device's own is nobody else's. */
function checkDevices({ devices, endpoint, callHome }: Config): readonly ConfigError[] {
  return devices.flatMap(({ endpoint: own }, at): readonly ConfigError[] => {
    const path = ['devices', at, 'endpoint']
    const faults: ConfigError[] = []
    const { port, furtherPorts, legacy } = endpoint.ssh
    const ours = [
      port,
      ...furtherPorts,
      ...(legacy === undefined ? [] : [legacy.port]),
      callHome.ssh.port,
      endpoint.http.port,
    ]
    if (own?.port !== undefined && ours.includes(own.port))
      faults.push({
        path: [...path, 'port'],
        message: `the bridge itself listens on port ${own.port}`,
        hint: 'give the device a port that nobody else has',
      })
    if (own?.address !== undefined && own.address === endpoint.ssh.address)
      faults.push({
        path: [...path, 'address'],
        message: 'is the address where all devices are reached, `endpoint.ssh.address`',
        hint: 'give the device an address that nobody else has',
      })
    return faults
  })
}
