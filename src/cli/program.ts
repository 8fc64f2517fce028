import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { caCommand } from './ca.js'
import { checkConfigCommand } from './check-config.js'
import { demoCommand } from './demo.js'
import { devicesCommand } from './devices.js'
import { onboardCommand } from './onboard.js'
import { serveCommand } from './serve.js'
import { sessionsCommand } from './sessions.js'
import { simulateCommand } from './simulate.js'
import { userCommand } from './user.js'

const { version, description } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
  description: string
}

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
    .addCommand(onboardCommand())
    .addCommand(userCommand())
    .addCommand(caCommand())
  exitWithTwoOnWrongUsage(program)
  return program
}

function exitWithTwoOnWrongUsage(command: Command): void {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  command.showSuggestionAfterError()
  for (const sub of command.commands) exitWithTwoOnWrongUsage(sub)
}
