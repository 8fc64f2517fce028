import { Command } from 'commander'
import { type CommandIo, processIo } from '../command-io.js'
import { copyCommand } from './copy.js'

/** `homeport store`: what is done with the store as a whole, while no bridge uses it. */
export function storeCommand(io: CommandIo = processIo()): Command {
  return new Command('store')
    .description('what the bridge keeps of devices, tokens and jobs, as a whole')
    .addCommand(copyCommand(io))
}
