import { Command } from 'commander'
import { description, version } from '../app/package-info.js'
import { ANSWER_COMMAND } from './completion/scripts.js'
import { useHouseHelp } from './house-help.js'

type LoadCommand = () => Promise<Command>

/** The heading of the commands that are made of the typed operations, and of `rpc`. */
const ASK_A_DEVICE = 'Ask a device:'

/** The heading of what is not about bridges and devices. */
const ABOUT_THIS_PROGRAM = 'About this program:'

/**
 * The commands by their names, below the headings and in the order in which `--help` lists them. Each is loaded only
 * where it is needed: most of the program is the bridge, and whoever asks a running one something would wait for all of
 * it.
 */
const GROUPS: Readonly<Record<string, Readonly<Record<string, LoadCommand>>>> = {
  'Run a bridge:': {
    serve: async () => (await import('./serve.js')).serveCommand(),
    'check-config': async () => (await others()).checkConfigCommand(),
    doctor: async () => (await others()).doctorCommand(),
  },
  'Ask a running bridge:': {
    devices: async () => (await others()).devicesCommand(),
    sessions: async () => (await others()).sessionsCommand(),
    nodes: async () => (await others()).nodesCommand(),
    audit: async () => (await others()).auditCommand(),
    token: async () => (await others()).tokenCommand(),
  },
  'Set up devices and users:': {
    onboard: async () => (await others()).onboardCommand(),
    ca: async () => (await others()).caCommand(),
    user: async () => (await others()).userCommand(),
  },
  'Keep it safe:': {
    backup: async () => (await import('./backup/backup.js')).backupCommand(),
    restore: async () => (await import('./backup/restore.js')).restoreCommand(),
    store: async () => (await import('./store/store.js')).storeCommand(),
  },
  'Try it out:': {
    demo: async () => (await import('./lab/demo.js')).demoCommand(),
    simulate: async () => (await others()).simulateCommand(),
  },
  [ASK_A_DEVICE]: {
    rpc: async () => (await others()).rpcCommand(),
  },
  [ABOUT_THIS_PROGRAM]: {
    completion: async () => (await others()).completionCommand(),
    version: async () => versionCommand(),
  },
}

const COMMANDS: Readonly<Record<string, LoadCommand>> = Object.assign({}, ...Object.values(GROUPS))

const others = () => import('./commands-beside-the-bridge.js')

/** What asks for the version alone. */
const VERSION_OPTIONS: ReadonlySet<string | undefined> = new Set(['-V', '--version'])

function versionCommand(): Command {
  return new Command('version').description('print the version').action(() => {
    process.stdout.write(`${version}\n`)
  })
}

/**
 * The command line `homeport`, as far as these words need it. Wrong usage ends with status 2.
 *
 * @param words what was typed after `homeport`
 */
export async function createProgram(words: readonly string[]): Promise<Command> {
  const program = new Command('homeport')
    .description(description)
    .version(version, '-V, --version', 'print the version')
    .commandsGroup(ABOUT_THIS_PROGRAM)
    .helpCommand('help [command]', 'tell more about a command')
  for (const command of await commandsFor(words)) program.addCommand(command)
  exitWithTwoOnWrongUsage(program)
  useHouseHelp(program)
  return program
}

/** The command that is named; all of them for help and for a name that is none. */
async function commandsFor([first]: readonly string[]): Promise<readonly Command[]> {
  if (VERSION_OPTIONS.has(first)) return []
  if (first === ANSWER_COMMAND) return [(await others()).answerCommand(createProgram)]
  const named = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  if (named !== undefined) return [await named()]
  const { operationCommands } = await others()
  const operations = operationCommands()
  const operation = operations.find((command) => command.name() === first)
  if (operation !== undefined) return [operation]
  for (const command of operations) command.helpGroup(ASK_A_DEVICE)
  return [...(await Promise.all(Object.entries(GROUPS).map(loadGroup))).flat(), ...operations]
}

async function loadGroup([heading, group]: readonly [string, (typeof GROUPS)[string]]): Promise<readonly Command[]> {
  const commands = await Promise.all(Object.values(group).map((load) => load()))
  return commands.map((command) => command.helpGroup(heading))
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
