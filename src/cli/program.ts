import { Command } from 'commander'
import { description, version } from '../app/package-info.js'

/**
 * The commands by their names, in the order in which `--help` lists them. Each is loaded only where it is needed: most
 * of the program is the bridge, and whoever asks a running one something would wait for all of it.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.js')).serveCommand(),
  demo: async () => (await import('./lab/demo.js')).demoCommand(),
  simulate: async () => (await others()).simulateCommand(),
  'check-config': async () => (await others()).checkConfigCommand(),
  devices: async () => (await others()).devicesCommand(),
  sessions: async () => (await others()).sessionsCommand(),
  audit: async () => (await others()).auditCommand(),
  onboard: async () => (await others()).onboardCommand(),
  user: async () => (await others()).userCommand(),
  token: async () => (await others()).tokenCommand(),
  rpc: async () => (await others()).rpcCommand(),
  ca: async () => (await others()).caCommand(),
}

const others = () => import('./commands-beside-the-bridge.js')

/** What asks for the version alone. */
const VERSION_OPTIONS: ReadonlySet<string | undefined> = new Set(['-V', '--version'])

/**
 * The command line `homeport`, as far as these words need it. Wrong usage ends with status 2.
 *
 * @param words what was typed after `homeport`
 */
export async function createProgram(words: readonly string[]): Promise<Command> {
  const program = new Command('homeport').description(description).version(version)
  for (const command of await commandsFor(words)) program.addCommand(command)
  exitWithTwoOnWrongUsage(program)
  return program
}

/** The command that is named; all of them for help and for a name that is none. */
async function commandsFor([first]: readonly string[]): Promise<readonly Command[]> {
  if (VERSION_OPTIONS.has(first)) return []
  const named = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  if (named !== undefined) return [await named()]
  const { operationCommands } = await others()
  const operations = operationCommands()
  const operation = operations.find((command) => command.name() === first)
  if (operation !== undefined) return [operation]
  return [...(await Promise.all(Object.values(COMMANDS).map((load) => load()))), ...operations]
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
