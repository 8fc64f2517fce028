import type { Target } from './target.js'
import { configuration } from './targets/configuration.js'
import { groupExchange } from './targets/group-exchange.js'
import { framing } from './targets/framing.js'
import { http } from './targets/http.js'
import { sshOfClients } from './targets/ssh-of-clients.js'
import { hostileDevices, sshOfStrangers } from './targets/ssh-of-devices.js'
import { guard } from './targets/guard.js'
import { initiation } from './targets/initiation.js'
import { linesOfPeers } from './targets/lines-of-peers.js'
import { proxyHeader } from './targets/proxy-header.js'
import { authorizedKeys, certificates, knownHosts, revocations } from './targets/ssh-files.js'
import { xmlAndJson } from './targets/xml-and-json.js'

export const targets: readonly Target[] = [
  initiation,
  proxyHeader,
  linesOfPeers,
  certificates,
  revocations,
  knownHosts,
  authorizedKeys,
  framing,
  guard,
  sshOfStrangers,
  hostileDevices,
  groupExchange,
  sshOfClients,
  http,
  xmlAndJson,
  configuration,
]

export function findTarget(name: string): Target {
  const target = targets.find((one) => one.name === name)
  if (target === undefined) throw new Error(`no target ${name}; there are ${targets.map((one) => one.name).join(', ')}`)
  return target
}
