import { isIPv4 } from 'node:net'
import { hostNameOf } from '../../../../../fleet/endpoints/host-name.js'
import { strangerText } from '../../../../../lib/stranger-text.js'
import { hostAndPort } from '../../../../../net/source.js'
import type { DeviceView } from '../device.js'
import type { BridgePlace } from './device-formats.js'

export const HOST_FORMATS = ['hosts', 'zone', 'ssh-config'] as const
export type HostFormat = (typeof HOST_FORMATS)[number]

/** What a name needs of a device. */
type Reached = Pick<DeviceView, 'id' | 'endpoint'>

interface NamedDevice {
  readonly name: string
  readonly device: Reached
}

/**
 * How clients find each device by a name of its own. A device id that is no host name is made into one; two of one
 * name get none.
 * @param devices those that clients may reach
 */
export function hostsText(devices: readonly Reached[], format: HostFormat, bridge: BridgePlace): string {
  const { named, unnamed } = nameDevices(devices)
  const [mark, lines] = textOf[format](named, bridge)
  const notes = unnamed.map(
    ({ id }) => `${mark} ${strangerText(id)}: no host name of its own, reach it as user@device-id\n`,
  )
  return [...lines, ...notes].join('')
}

function nameDevices(devices: readonly Reached[]): {
  readonly named: readonly NamedDevice[]
  readonly unnamed: readonly Reached[]
} {
  const holders = new Map<string, number>()
  const names = devices.map(({ id }) => hostNameOf(id))
  for (const name of names) if (name !== undefined) holders.set(name, (holders.get(name) ?? 0) + 1)
  const isOwn = (name: string | undefined): name is string => name !== undefined && holders.get(name) === 1
  return {
    named: devices.flatMap((device, at) => {
      const name = names[at]
      return isOwn(name) ? [{ name, device }] : []
    }),
    unnamed: devices.filter((_, at) => !isOwn(names[at])),
  }
}

/** How a comment begins, and the lines. */
type Text = readonly [mark: string, lines: readonly string[]]

const textOf: Readonly<Record<HostFormat, (named: readonly NamedDevice[], bridge: BridgePlace) => Text>> = {
  hosts: (named) => [
    '#',
    named.map(({ name, device: { endpoint } }) =>
      endpoint?.address ? `${endpoint.address}\t${name}\n` : `# ${name}: no address of its own\n`,
    ),
  ],
  zone: (named) => [
    ';',
    [
      '; relative to the origin of the zone that it is put into\n',
      ...named.map(({ name, device: { endpoint } }) =>
        endpoint?.address
          ? `${name}\tIN\t${isIPv4(endpoint.address) ? 'A' : 'AAAA'}\t${endpoint.address}\n`
          : `; ${name}: no address of its own\n`,
      ),
    ],
  ],
  'ssh-config': (named, bridge) => ['#', named.map((device) => sshConfigStanza(device, bridge))],
}

/** The shortest way there is: an address of its own, else a port, else the bridge as a jump host. */
function sshConfigStanza({ name, device }: NamedDevice, bridge: BridgePlace): string {
  const { address, port } = device.endpoint ?? {}
  return [
    `Host ${name}\n`,
    ...linesTo(address ?? undefined, port ?? undefined, bridge).map((line) => `    ${line}\n`),
  ].join('')
}

function linesTo(address: string | undefined, port: number | undefined, bridge: BridgePlace): readonly string[] {
  if (address !== undefined) return [`HostName ${address}`, `Port ${bridge.port}`]
  if (port !== undefined) return [`HostName ${bridge.host}`, `Port ${port}`]
  // Port 830 is the device's own there. OpenSSH goes by what comes first; paramiko knows only the second.
  return [
    'Port 830',
    `ProxyJump ${hostAndPort(bridge.host, bridge.port)}`,
    `ProxyCommand ssh -p ${bridge.port} -W %h:%p ${bridge.host}`,
  ]
}
