import { hostname } from 'node:os'
import { Command, Option } from 'commander'
import { loadConfig } from '../../config/load.js'
import { strangerText } from '../../lib/stranger-text.js'
import { type DeviceView, deviceSchema } from '../../northbound/http/routes/devices/device.js'
import { deviceListSchema } from '../../northbound/http/routes/devices/list.js'
import { devicePath, whyUnaddressable } from './bridge-client.js'
import { type BridgeCall, bridgeCommand, BRIDGE_HELP, type BridgeOptions, runOnBridge } from './bridge-command.js'
import { type CommandIo, processIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { readHost, readPort } from '../read-host.js'
import { type HostFormat, HOST_FORMATS, hostsText } from './show-hosts.js'
import { readFingerprint, tellWhatToCompare } from './keys-to-compare.js'
import { boundKeys, deviceSheet, deviceTable } from './show-devices.js'

/** Of NETCONF over SSH (RFC 6242). */
const DEFAULT_PORT = 830

/** What is asked about one device, and its answer for people. Without an action it is about the device itself. */
interface DeviceCall extends Omit<BridgeCall, 'path'> {
  readonly id: string
  readonly action?: 'approve' | 'reject' | 'repin' | 'disconnect'
}

/** `homeport devices …`: who calls home, and who may. Asks the running bridge. */
export function devicesCommand(io: CommandIo = processIo()): Command {
  return new Command('devices')
    .description('the devices of the running bridge: who calls home, and who may')
    .addHelpText('after', BRIDGE_HELP)
    .addCommand(listCommand(io))
    .addCommand(hostsCommand(io))
    .addCommand(showCommand(io))
    .addCommand(approveCommand(io))
    .addCommand(rejectCommand(io))
    .addCommand(forgetCommand(io))
    .addCommand(disconnectCommand(io))
    .addCommand(repinCommand(io))
}

function listCommand(io: CommandIo): Command {
  return bridgeCommand('list')
    .description('all devices, with standing and link')
    .action((options: BridgeOptions) =>
      runOnBridge(io, options, {
        method: 'GET',
        path: '/api/v1/devices',
        show: (answer) => deviceTable(deviceListSchema.parse(answer).devices),
      }),
    )
}

function hostsCommand(io: CommandIo): Command {
  return bridgeCommand('hosts')
    .description('how clients find each device by a name of its own: lines for /etc/hosts, a DNS zone, or ssh_config')
    .addOption(new Option('--format <format>', 'what to print').choices(HOST_FORMATS).default('hosts'))
    .option('--bridge <host>', 'in ssh_config, how clients reach the bridge (default: the name of this host)', readHost)
    .option(
      '--port <port>',
      'in ssh_config, the port where all devices are reached (default: that of the configuration, from elsewhere 830)',
      readPort,
    )
    .action(({ format, bridge: host = hostname(), port, ...options }: HostsOptions) =>
      runOnBridge(io, options, {
        method: 'GET',
        path: '/api/v1/devices',
        show: (answer) =>
          hostsText(deviceListSchema.parse(answer).devices, format, {
            host,
            port: port ?? endpointPort(io, options.config),
          }),
      }),
    )
}

/** The port where clients reach a bridge of this host, as its configuration says; of one elsewhere nothing is known. */
function endpointPort(io: CommandIo, configFile: string | undefined): number {
  if ((io.env['HOMEPORT_URL'] ?? '') !== '') return DEFAULT_PORT
  const loaded = loadConfig({ path: configFile, cwd: io.cwd, env: io.env })
  const port = loaded.ok ? loaded.config.endpoint.ssh.port : 0
  return port === 0 ? DEFAULT_PORT : port
}

function showCommand(io: CommandIo): Command {
  return deviceCommand('show')
    .description('all that is known of one device')
    .action((id: string, options: BridgeOptions) =>
      runOnDevice(io, options, { id, method: 'GET', show: (answer) => deviceSheet(device(answer)) }),
    )
}

function approveCommand(io: CommandIo): Command {
  return bridgeCommand('approve')
    .argument('[id]', 'device id')
    .description('bind a device id to the host key of this fingerprint; compare it with the device first')
    .option('--fingerprint <SHA256:…>', FINGERPRINT_HELP, readFingerprint)
    .option('--as <name>', 'the device id to give it, when it was found by its fingerprint alone')
    .action((id: string | undefined, { fingerprint, as, ...options }: ApproveOptions) => {
      const named = as === undefined ? {} : { as }
      if (id === undefined || fingerprint === undefined)
        return tellWhatToCompare(io, options, { action: 'approve', id, ...named })
      return runOnDevice(io, options, {
        id,
        method: 'POST',
        action: 'approve',
        body: { fingerprint, ...named },
        show: (answer) => `approved: ${boundKeys(device(answer))}`,
      })
    })
}

function rejectCommand(io: CommandIo): Command {
  return deviceCommand('reject')
    .description('refuse whoever claims a device id, until it is approved or forgotten')
    .action((id: string, options: BridgeOptions) =>
      runOnDevice(io, options, {
        id,
        method: 'POST',
        action: 'reject',
        show: (answer) => `rejected: ${strangerText(device(answer).id)}\n`,
      }),
    )
}

function forgetCommand(io: CommandIo): Command {
  return deviceCommand('forget')
    .description('remove all that is stored of a device id; its next call is that of a stranger')
    .action((id: string, options: BridgeOptions) =>
      runOnDevice(io, options, { id, method: 'DELETE', show: () => `forgotten: ${strangerText(id)}\n` }),
    )
}

function disconnectCommand(io: CommandIo): Command {
  return deviceCommand('disconnect')
    .description('end the link of a device, with all sessions on it; the device dials again by itself')
    .action((id: string, options: BridgeOptions) =>
      runOnDevice(io, options, {
        id,
        method: 'POST',
        action: 'disconnect',
        show: () => `disconnected: ${strangerText(id)}\n`,
      }),
    )
}

function repinCommand(io: CommandIo): Command {
  return deviceCommand('repin')
    .description('bind a device id to the host key of this fingerprint instead of those before, after a hardware swap')
    .option('--fingerprint <SHA256:…>', FINGERPRINT_HELP, readFingerprint)
    .action((id: string, { fingerprint, ...options }: BridgeOptions & { readonly fingerprint?: string }) =>
      fingerprint === undefined
        ? tellWhatToCompare(io, options, { action: 'repin', id })
        : runOnDevice(io, options, {
            id,
            method: 'POST',
            action: 'repin',
            body: { fingerprint },
            show: (answer) => `pinned anew: ${boundKeys(device(answer))}`,
          }),
    )
}

const FINGERPRINT_HELP =
  'of the host key, as the device itself prints it (without it: shows what waits, and what to paste)'

interface ApproveOptions extends BridgeOptions {
  readonly fingerprint?: string
  readonly as?: string
}

interface HostsOptions extends BridgeOptions {
  readonly format: HostFormat
  readonly bridge?: string
  readonly port?: number
}

function deviceCommand(name: string): Command {
  return bridgeCommand(name).argument('<id>', 'device id')
}

const device = (answer: unknown): DeviceView => deviceSchema.parse(answer)

async function runOnDevice(io: CommandIo, options: BridgeOptions, { id, action, ...call }: DeviceCall): Promise<void> {
  const unaddressable = whyUnaddressable(id)
  if (unaddressable !== undefined) return exitWithFailure(unaddressable, io)
  const path = action === undefined ? devicePath(id) : `${devicePath(id)}/${action}`
  return runOnBridge(io, options, { ...call, path })
}
