import { isIPv6 } from 'node:net'
import { hostname } from 'node:os'
import type { Context } from 'hono'
import type { ApiEnv, HttpServices } from '../../../api.js'
import type { DeviceView } from '../device.js'
import type { DeviceListQuery } from '../list-query.js'
import { ansibleInventory } from './ansible.js'
import type { BridgePlace, DeviceFormat } from './device-formats.js'
import { hostsText } from './hosts.js'
import { prometheusTargets } from './prometheus-sd.js'

interface Inventory {
  readonly devices: readonly DeviceView[]
  readonly query: Omit<DeviceListQuery, 'format'> & { readonly format: Exclude<DeviceFormat, 'json'> }
}

/** Answers with the devices that clients may reach, in the format that the call asks for. */
export function answerInventory(
  c: Context<ApiEnv>,
  { clientPort }: Pick<HttpServices, 'clientPort'>,
  { devices: all, query }: Inventory,
): Response {
  const { format, port = clientPort(), user } = query
  const bridge: BridgePlace = { host: query.bridge ?? hostOfCall(c), port }
  const devices = all.filter(isReachable)
  switch (format) {
    case 'ansible':
      return c.json(ansibleInventory(devices, { bridge, user: user ?? userOf(c) }))
    case 'prometheus-sd':
      return c.json(prometheusTargets(devices, bridge))
    default:
      return c.text(hostsText(devices, format, bridge))
  }
}

/** Who calls, unless it is whoever opened the socket. */
function userOf({ var: { caller } }: Context<ApiEnv>): string | undefined {
  return caller.kind === 'user' ? caller.user : undefined
}

/** Those that clients may reach: whoever is pending or rejected is not among them. */
export function isReachable({ standing }: DeviceView): boolean {
  return standing === 'configured' || standing === 'approved'
}

/** The name by which this call has reached the bridge; over its socket, the name of this machine. */
function hostOfCall(c: Context<ApiEnv>): string {
  if (c.var.peer.source === 'local') return hostname()
  const named = new URL(c.req.url).hostname.replace(/^\[(.*)\]$/, '$1')
  return isIPv6(named) || /^[A-Za-z0-9._-]+$/.test(named) ? named : hostname()
}
