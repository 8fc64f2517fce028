import { Command } from 'commander'
import { auditCommand } from './operator/audit.js'
import { caCommand } from './ca/ca.js'
import { checkConfigCommand } from './check-config.js'
import { demoCommand } from './lab/demo.js'
import { devicesCommand } from './operator/devices.js'
import { onboardCommand } from './onboard/onboard.js'
import { description, version } from '../app/package-info.js'
import { operationCommands } from './operator/operations.js'
import { rpcCommand } from './operator/rpc.js'
import { serveCommand } from './serve.js'
import { sessionsCommand } from './operator/sessions.js'
import { simulateCommand } from './lab/simulate.js'
import { tokenCommand } from './operator/tokens.js'
import { userCommand } from './user.js'

/** The command line `homeport`. Wrong usage ends with status 2. */
export function createProgram(): Command {
  const program = new Command('homeport')
    .description(description)
    .version(version)
    .addCommand(serveCommand())
    .addCommand(demoCommand())
    .addCommand(simulateCommand())
    .addCommand(checkConfigCommand())
    .addCommand(devicesCommand())
    .addCommand(sessionsCommand())
    .addCommand(auditCommand())
    .addCommand(onboardCommand())
    .addCommand(userCommand())
    .addCommand(tokenCommand())
    .addCommand(rpcCommand())
    .addCommand(caCommand())
  for (const command of operationCommands()) program.addCommand(command)
  exitWithTwoOnWrongUsage(program)
  return program
}

/** What one types to run it: `homeport devices approve`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

function exitWithTwoOnWrongUsage(command: Command): void {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  command.showSuggestionAfterError()
  command.showHelpAfterError(`${nameOf(command)} --help tells more`)
  for (const sub of command.commands) exitWithTwoOnWrongUsage(sub)
}
