import { Command } from 'commander'
import { strangerText } from '../../lib/stranger-text.js'
import { devicePath, whyUnaddressable } from './bridge-client.js'
import { type BridgeCall, bridgeCommand, BRIDGE_HELP, type BridgeOptions, runOnBridge } from './bridge-command.js'
import { type CommandIo, processIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { exitWithFailure } from '../command-failure.js'
import { disconnectCommand, labelCommand } from './change-devices.js'
import { importCommand } from './import/import-devices.js'
import { readFingerprint, readNewName, tellWhatToCompare } from './keys-to-compare.js'
import { hostsCommand, listCommand } from './list-devices.js'
import { readDevice } from './read-devices.js'
import { boundKeys, deviceSheet } from './show-devices.js'

/** What is asked about one device, and its answer for people. Without an action it is about the device itself. */
interface DeviceCall extends Omit<BridgeCall, 'path'> {
  readonly id: string
  readonly action?: 'approve' | 'reject' | 'repin'
}

/** `homeport devices …`: who calls home, and who may. Asks the running bridge. */
export function devicesCommand(io: CommandIo = processIo()): Command {
  return new Command('devices')
    .description('the devices of the running bridge: who calls home, and who may')
    .addHelpText('after', helpText(BRIDGE_HELP))
    .addCommand(listCommand(io))
    .addCommand(hostsCommand(io))
    .addCommand(showCommand(io))
    .addCommand(approveCommand(io))
    .addCommand(rejectCommand(io))
    .addCommand(forgetCommand(io))
    .addCommand(labelCommand(io))
    .addCommand(importCommand(io))
    .addCommand(disconnectCommand(io))
    .addCommand(repinCommand(io))
}

function showCommand(io: CommandIo): Command {
  return deviceCommand('show')
    .description('all that is known of one device')
    .action((id: string, options: BridgeOptions) =>
      runOnDevice(io, options, { id, method: 'GET', show: (answer) => deviceSheet(readDevice(answer)) }),
    )
}

function approveCommand(io: CommandIo): Command {
  return bridgeCommand('approve')
    .argument('[id]', 'device id')
    .description('bind a device id to the host key of this fingerprint; compare it with the device first')
    .option('--fingerprint <SHA256:…>', FINGERPRINT_HELP, readFingerprint)
    .option('--as <name>', 'the device id to give it, when it was found by its fingerprint alone', readNewName)
    .action((id: string | undefined, { fingerprint, as, ...options }: ApproveOptions) => {
      const named = as === undefined ? {} : { as }
      if (id === undefined || fingerprint === undefined)
        return tellWhatToCompare(io, options, { action: 'approve', id, ...named })
      return runOnDevice(io, options, {
        id,
        method: 'POST',
        action: 'approve',
        body: { fingerprint, ...named },
        show: (answer) => `approved: ${boundKeys(readDevice(answer))}`,
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
        show: (answer) => `rejected: ${strangerText(readDevice(answer).id)}\n`,
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
            show: (answer) => `pinned anew: ${boundKeys(readDevice(answer))}`,
          }),
    )
}

const FINGERPRINT_HELP =
  'of the host key, as the device itself prints it (without it: shows what waits, and what to paste)'

interface ApproveOptions extends BridgeOptions {
  readonly fingerprint?: string
  readonly as?: string
}

function deviceCommand(name: string): Command {
  return bridgeCommand(name).argument('<id>', 'device id')
}

async function runOnDevice(io: CommandIo, options: BridgeOptions, { id, action, ...call }: DeviceCall): Promise<void> {
  const unaddressable = whyUnaddressable(id)
  if (unaddressable !== undefined) return exitWithFailure(unaddressable, io)
  const path = action === undefined ? devicePath(id) : `${devicePath(id)}/${action}`
  return runOnBridge(io, options, { ...call, path })
}
