import type { Fault } from './fault.js'
import type { Config } from './schema.js'

const WILDCARDS = ['::', '0.0.0.0']

interface Listener {
  readonly key: string
  readonly what: string
  readonly address: string
  readonly port: number | 'none'
}

/** Two listeners cannot have one port of one address. */
export function checkListeners(config: Config): readonly Fault[] {
  const listeners: readonly Listener[] = [
    { key: 'call-home.ssh', what: 'devices call home', ...config.callHome.ssh },
    { key: 'endpoint.ssh', what: 'clients log in over SSH', ...config.endpoint.ssh },
    { key: 'endpoint.http', what: 'the HTTP API answers', ...config.endpoint.http },
  ]
  return listeners.flatMap((ours, at): readonly Fault[] => {
    const theirs = listeners.slice(0, at).find((other) => clash(ours, other))
    if (theirs === undefined) return []
    return [
      {
        path: [...ours.key.split('.'), 'port'],
        message: `${theirs.what} on port ${ours.port} already`,
        hint: `give \`${theirs.key}\` and \`${ours.key}\` different ports`,
      },
    ]
  })
}

function clash(ours: Listener, theirs: Listener): boolean {
  if (ours.port === 0 || ours.port !== theirs.port || ours.port === 'none') return false
  return ours.address === theirs.address || [ours.address, theirs.address].some((each) => WILDCARDS.includes(each))
}
