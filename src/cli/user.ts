import { Command } from 'commander'
import { hashPassword } from '../access/authn/password-hash.js'
import { type CommandIo, processIo } from './command-io.js'
import { readPassword } from './read-password.js'

/** `homeport user …`: what concerns the users in the configuration. */
export function userCommand(io: CommandIo = processIo()): Command {
  return new Command('user').description('users of the configuration').addCommand(hashPasswordCommand(io))
}

/** `homeport user hash-password`: reads a password from standard input, prints its hash alone. */
function hashPasswordCommand(io: CommandIo): Command {
  return new Command('hash-password')
    .description('read a password from standard input, print the hash for `password-hash`')
    .action(async () => {
      const entered = await readPassword(io)
      if (!entered.ok) {
        io.stderr.write(`homeport: ${entered.message}\n`)
        io.exit(2)
        return
      }
      io.stdout.write(`${await hashPassword(entered.password)}\n`)
      io.exit(0)
    })
}
