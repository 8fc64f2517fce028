import { hostname } from 'node:os'
import { Command, Option } from 'commander'
import { printable } from '../config/printable.js'
import { type DeviceView, deviceSchema } from '../northbound/http/routes/devices/device.js'
import { deviceListSchema } from '../northbound/http/routes/devices/list.js'
import { type BridgeRequest, devicePath } from './bridge-client.js'
import { bridgeCommand, bridgeHelp, type BridgeOptions, runOnBridge } from './bridge-command.js'
import { type CommandIo, processIo } from './command-io.js'
import { exitWithProblem } from './command-problem.js'
import { readHost, readPort } from './read-host.js'
import { type HostFormat, hostFormats, hostsText } from './show-hosts.js'
import { boundKeys, deviceSheet, deviceTable } from './show-devices.js'

/** What is asked of one device; without an action, the device itself. */
type DeviceRequest = Omit<BridgeRequest, 'path'> & { readonly action?: 'approve' | 'reject' | 'repin' }

/** `homeport devices …`: who calls home, and who may. Asks the running bridge. */
export function devicesCommand(io: CommandIo = processIo()): Command {
  return new Command('devices')
    .description('the devices of the running bridge: who calls home, and who may')
    .addHelpText('after', bridgeHelp)
    .addCommand(
      bridgeCommand('list')
        .description('all devices, with standing and link')
        .action((options: BridgeOptions) =>
          runOnBridge(io, options, { method: 'GET', path: '/api/v1/devices' }, (answer) =>
            deviceTable(deviceListSchema.parse(answer).devices),
          ),
        ),
    )
    .addCommand(hostsCommand(io))
    .addCommand(
      deviceCommand('show')
        .description('all that is known of one device')
        .action((id: string, options: BridgeOptions) =>
          runOnDevice(io, options, id, { method: 'GET' }, (answer) => deviceSheet(device(answer))),
        ),
    )
    .addCommand(
      deviceCommand('approve')
        .description('bind a device id to the key that it showed last; compare the fingerprint with the device first')
        .option('--as <name>', 'the device id to give it, when it was found by its fingerprint alone')
        .action((id: string, { as, ...options }: BridgeOptions & { readonly as?: string }) =>
          runOnDevice(
            io,
            options,
            id,
            { method: 'POST', action: 'approve', ...(as === undefined ? {} : { body: { as } }) },
            (answer) => `approved: ${boundKeys(device(answer))}`,
          ),
        ),
    )
    .addCommand(
      deviceCommand('reject')
        .description('refuse whoever claims a device id, until it is approved or forgotten')
        .action((id: string, options: BridgeOptions) =>
          runOnDevice(
            io,
            options,
            id,
            { method: 'POST', action: 'reject' },
            (answer) => `rejected: ${printable(device(answer).id)}\n`,
          ),
        ),
    )
    .addCommand(
      deviceCommand('forget')
        .description('remove all that is stored of a device id; its next call is that of a stranger')
        .action((id: string, options: BridgeOptions) =>
          runOnDevice(io, options, id, { method: 'DELETE' }, () => `forgotten: ${printable(id)}\n`),
        ),
    )
    .addCommand(
      deviceCommand('repin')
        .description('bind a device id to the key that it showed last instead of those before, after a hardware swap')
        .action((id: string, options: BridgeOptions) =>
          runOnDevice(
            io,
            options,
            id,
            { method: 'POST', action: 'repin' },
            (answer) => `pinned anew: ${boundKeys(device(answer))}`,
          ),
        ),
    )
}

function hostsCommand(io: CommandIo): Command {
  return bridgeCommand('hosts')
    .description('how clients find each device by a name of its own: lines for /etc/hosts, a DNS zone, or ssh_config')
    .addOption(new Option('--format <format>', 'what to print').choices(hostFormats).default('hosts'))
    .option('--bridge <host>', 'in ssh_config, how clients reach the bridge (default: the name of this host)', readHost)
    .option('--port <port>', 'in ssh_config, the port where all devices are reached', readPort, 830)
    .action(({ format, bridge = hostname(), port, ...options }: HostsOptions) =>
      runOnBridge(io, options, { method: 'GET', path: '/api/v1/devices' }, (answer) =>
        hostsText(deviceListSchema.parse(answer).devices, format, { host: bridge, port }),
      ),
    )
}

interface HostsOptions extends BridgeOptions {
  readonly format: HostFormat
  readonly bridge?: string
  readonly port: number
}

function deviceCommand(name: string): Command {
  return bridgeCommand(name).argument('<id>', 'device id')
}

const device = (answer: unknown): DeviceView => deviceSchema.parse(answer)

async function runOnDevice(
  io: CommandIo,
  options: BridgeOptions,
  id: string,
  { action, ...request }: DeviceRequest,
  show: (answer: unknown) => string,
): Promise<void> {
  // An empty path segment is none, and every URL parser takes these two out of a path.
  if (['', '.', '..'].includes(id))
    return exitWithProblem({ message: `${JSON.stringify(id)} is no device id`, status: 2 }, io)
  const path = action === undefined ? devicePath(id) : `${devicePath(id)}/${action}`
  return runOnBridge(io, options, { ...request, path }, show)
}
