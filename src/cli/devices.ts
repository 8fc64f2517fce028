import { Command } from 'commander'
import { printable } from '../config/printable.js'
import { type DeviceView, deviceSchema } from '../northbound/http/routes/devices/device.js'
import { deviceListSchema } from '../northbound/http/routes/devices/list.js'
import { askBridge, type BridgeRequest, devicePath } from './bridge-client.js'
import { type CommandIo, processIo } from './command-io.js'
import { exitWithProblem } from './command-problem.js'
import { findBridge } from './find-bridge.js'
import { boundKeys, deviceSheet, deviceTable } from './show-devices.js'

interface BridgeOptions {
  readonly config?: string
  readonly json?: true
}

/** What is asked of one device; without an action, the device itself. */
type DeviceRequest = Omit<BridgeRequest, 'path'> & { readonly action?: 'approve' | 'reject' | 'repin' }

/** `homeport devices …`: who calls home, and who may. Asks the running bridge. */
export function devicesCommand(io: CommandIo = processIo()): Command {
  return new Command('devices')
    .description('the devices of the running bridge: who calls home, and who may')
    .addHelpText('after', HELP)
    .addCommand(
      bridgeCommand('list')
        .description('all devices, with standing and link')
        .action((options: BridgeOptions) =>
          run(io, options, { method: 'GET', path: '/api/v1/devices' }, (answer) =>
            deviceTable(deviceListSchema.parse(answer).devices),
          ),
        ),
    )
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

const HELP = `
The bridge is asked over the socket in its data-dir, which only its user may open; from elsewhere, over HTTP with
HOMEPORT_URL and HOMEPORT_TOKEN. Exit status: 0 done, 1 failed, 2 wrong usage or configuration.`

/** A command that talks to a running bridge. */
function bridgeCommand(name: string): Command {
  return new Command(name)
    .option('-c, --config <file>', 'configuration file of the bridge (default: config/homeport.yaml, else built-in)')
    .option('--json', 'print what the bridge answers, as JSON')
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
  return run(io, options, { ...request, path }, show)
}

async function run(
  io: CommandIo,
  { config, json }: BridgeOptions,
  request: BridgeRequest,
  show: (answer: unknown) => string,
): Promise<void> {
  const found = findBridge(io, config)
  if (!found.ok) return exitWithProblem(found.problem, io)
  const answer = await askBridge(found.location, request)
  if (!answer.ok && (json !== true || answer.text === undefined)) return exitWithProblem(answer.problem, io)
  const shown = shownOrUndefined(answer.text ?? '', json === true ? asItIs : show)
  if (shown === undefined)
    return exitWithProblem(
      {
        message: 'the bridge answers what this command does not understand',
        hint: 'are the command and the bridge of one version, and is it a bridge that answers there?',
        status: 1,
      },
      io,
    )
  io.stdout.write(shown)
  io.exit(answer.ok ? 0 : answer.problem.status)
}

/** The answer for programs, on a line of its own. */
const asItIs = (answer: unknown): string => (answer === undefined ? '' : `${JSON.stringify(answer)}\n`)

function shownOrUndefined(text: string, show: (answer: unknown) => string): string | undefined {
  try {
    return show(text === '' ? undefined : JSON.parse(text))
  } catch {
    return undefined
  }
}
