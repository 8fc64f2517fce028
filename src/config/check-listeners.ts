import type { Fault } from './fault.js'
import type { Config } from './schema.js'

const WILDCARDS = ['::', '0.0.0.0']

/** Two listeners cannot have one port of one address. */
export function checkListeners(config: Config): readonly Fault[] {
  const ours = config.endpoint.ssh
  const theirs = config.callHome.ssh
  const overlap =
    ours.address === theirs.address || [ours.address, theirs.address].some((each) => WILDCARDS.includes(each))
  if (ours.port === 0 || ours.port !== theirs.port || !overlap) return []
  return [
    {
      path: ['endpoint', 'ssh', 'port'],
      message: `devices call home on port ${ours.port} already`,
      hint: 'give `call-home.ssh` and `endpoint.ssh` different ports',
    },
  ]
}
