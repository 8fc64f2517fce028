import type { Fault } from './fault.js'
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
export function checkListeners({ callHome, endpoint }: Config): readonly Fault[] {
  const clients = { key: 'endpoint.ssh', what: 'clients log in over SSH', address: endpoint.ssh.address }
  const listeners: readonly Listener[] = [
    { key: 'call-home.ssh', path: ['call-home', 'ssh', 'port'], what: 'devices call home', ...callHome.ssh },
    { ...clients, path: ['endpoint', 'ssh', 'port'], port: endpoint.ssh.port },
    ...endpoint.ssh.furtherPorts.map((port, at) => ({
      ...clients,
      path: ['endpoint', 'ssh', 'further-ports', at],
      port,
    })),
    { key: 'endpoint.http', path: ['endpoint', 'http', 'port'], what: 'the HTTP API answers', ...endpoint.http },
  ]
  return listeners.flatMap((ours, at): readonly Fault[] => {
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
