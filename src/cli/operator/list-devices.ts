import { hostname } from 'node:os'
import { type Command, Option } from 'commander'
import type { DeviceFormat } from '../../northbound/http/routes/devices/formats/device-formats.js'
import { DEVICE_FORMATS } from '../../northbound/http/routes/devices/formats/device-formats.js'
import { HOST_FORMATS, type HostFormat, hostsText } from '../../northbound/http/routes/devices/formats/hosts.js'
import { exitWithFailure } from '../command-failure.js'
import type { CommandIo } from '../command-io.js'
import { readHost, readPort } from '../read-host.js'
import { askBridge } from './bridge-client.js'
import { bridgeCommand, type BridgeOptions } from './bridge-command.js'
import { type DeviceFilters, optionalPair, queryOf, withDeviceFilters } from './device-filters.js'
import { type BridgeLocation, findBridge } from './find-bridge.js'
import { askForDevices, NOT_UNDERSTOOD, readDevice, type ShownDevice } from './read-devices.js'
import { deviceTable } from './show-devices.js'

interface InventoryOptions extends BridgeOptions, DeviceFilters {
  readonly format?: DeviceFormat
  readonly bridge?: string
  readonly port?: number
  readonly user?: string
}

interface ListOptions extends InventoryOptions {
  readonly sort?: string
}

/** Of NETCONF over SSH (RFC 6242). */
const DEFAULT_PORT = 830

/** `homeport devices list`: who is there, and who is not. */
export function listCommand(io: CommandIo): Command {
  return withInventoryOptions(withDeviceFilters(bridgeCommand('list')))
    .description('devices, with standing and link; `devices show ID` has the rest')
    .option('--sort <order>', 'id, standing, link or last-seen; with - in front the other way round')
    .addOption(new Option('--format <format>', 'an inventory instead of a table').choices(DEVICE_FORMATS))
    .action((options: ListOptions) =>
      options.format === undefined || options.format === 'json' ? list(io, options) : inventory(io, options),
    )
}

/** `homeport devices hosts`: how clients find each device. */
export function hostsCommand(io: CommandIo): Command {
  return withInventoryOptions(withDeviceFilters(bridgeCommand('hosts')))
    .description('how clients find each device by a name of its own: lines for /etc/hosts, a DNS zone, or ssh_config')
    .addOption(
      new Option('--format <format>', 'what to print')
        .choices(DEVICE_FORMATS.filter((format) => format !== 'json'))
        .default('hosts'),
    )
    .action((options: InventoryOptions) => (options.json === true ? list(io, options) : inventory(io, options)))
}

function withInventoryOptions(command: Command): Command {
  return command
    .option('--bridge <host>', 'of an inventory: how clients reach the bridge (default: its name)', readHost)
    .option('--port <port>', 'of an inventory: where all devices are reached (default: where it listens)', readPort)
    .option('--user <name>', 'of an inventory for Ansible: who logs in (default: the variable homeport_user)')
}

async function list(io: CommandIo, { json, format, sort, ...options }: ListOptions): Promise<void> {
  const found = findBridge(io, options)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const asJson = json === true || format === 'json'
  const query = queryOf(options)
  if (sort !== undefined) query.set('sort', sort)
  const answer = await askForDevices(found.location, query)
  if (!answer.ok) {
    if (!asJson || answer.text === undefined) return exitWithFailure(answer.problem, io)
    io.stdout.write(`${JSON.stringify(JSON.parse(answer.text))}\n`)
    return io.exit(answer.problem.status)
  }
  const { devices } = answer
  const text = asJson ? wholeList(devices) : shown(io, devices, query)
  if (text === undefined) return exitWithFailure(NOT_UNDERSTOOD, io)
  io.stdout.write(text)
  io.exit(0)
}

/** What the bridge would answer where all are on one page. */
function wholeList(devices: readonly unknown[]): string {
  // oxlint-disable-next-line unicorn/no-null -- it is JSON
  return `${JSON.stringify({ devices, total: devices.length, next: null })}\n`
}

function shown(io: CommandIo, answered: readonly unknown[], query: URLSearchParams): string | undefined {
  const devices = understood(answered)
  if (devices === undefined) return undefined
  if (devices.length === 0 && query.size > 0) return 'no devices: none is like that\n'
  const { isTTY, columns } = io.stdout
  return deviceTable(devices, { room: isTTY === true && columns !== undefined ? columns : Infinity, now: Date.now() })
}

function understood(devices: readonly unknown[]): readonly ShownDevice[] | undefined {
  try {
    return devices.map(readDevice)
  } catch {
    return undefined
  }
}

/** Prints an inventory that the bridge makes. */
async function inventory(io: CommandIo, options: InventoryOptions): Promise<void> {
  const found = findBridge(io, options)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const { format = 'hosts', bridge, port, user } = options
  const query = new URLSearchParams([
    ...queryOf(options),
    ['format', format],
    ...optionalPair('bridge', bridge),
    ...optionalPair('port', port?.toString()),
    ...optionalPair('user', user),
  ])
  const answer = await askBridge(found.location, { method: 'GET', path: `/api/v1/devices?${query.toString()}` })
  if (!answer.ok) return exitWithFailure(answer.problem, io)
  const text = isList(answer.text) ? await madeHere(found.location, options) : answer.text
  if (text === undefined) return exitWithFailure(NOT_UNDERSTOOD, io)
  io.stdout.write(text === '' || text.endsWith('\n') ? text : `${text}\n`)
  io.exit(0)
}

/** Whether a bridge of an earlier version answers, which knows no formats. */
function isList(text: string): boolean {
  return text.startsWith('{"devices":')
}

/** The inventory of such a bridge, where it can be made of what it tells. */
async function madeHere(location: BridgeLocation, options: InventoryOptions): Promise<string | undefined> {
  const { format = 'hosts', bridge: host = hostname(), port = DEFAULT_PORT } = options
  if (!isHostFormat(format)) return undefined
  const answer = await askForDevices(location, queryOf(options))
  const devices = answer.ok ? understood(answer.devices) : undefined
  const reachable = devices?.filter(({ standing }) => standing === 'configured' || standing === 'approved')
  return reachable && hostsText(reachable, format, { host, port })
}

function isHostFormat(format: DeviceFormat): format is HostFormat {
  return (HOST_FORMATS as readonly string[]).includes(format)
}
