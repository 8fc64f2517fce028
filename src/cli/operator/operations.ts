import type { Command } from 'commander'
import { editConfig } from '../../operations/edit-config.js'
import { OPERATIONS } from '../../operations/register.js'
import { type CommandIo, processIo } from '../command-io.js'
import { editConfigCommand } from './edit-config-command.js'
import { commandOf } from './operation-command.js'

/**
 * `homeport get`, `get-config`, `edit-config` and so on: one NETCONF operation on one device, through the running
 * bridge.
 */
export function operationCommands(io: CommandIo = processIo()): readonly Command[] {
  return OPERATIONS.filter(({ command }) => command !== undefined).map((operation) =>
    operation === editConfig ? editConfigCommand(io) : commandOf(io, operation),
  )
}
