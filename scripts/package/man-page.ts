import type { Command, Help } from 'commander'
import { createProgram } from '../../src/cli/program.js'

/** Where things are in the package, and which variables are asked, by their names. */
const FILES = {
  '/etc/homeport/homeport.yaml': 'the configuration, where no other is named and the working directory has none',
  '/etc/homeport/.env': 'its secrets',
  '/var/lib/homeport': 'what the bridge keeps',
  '/run/homeport/homeport.sock': 'where the running bridge answers commands of root and of the group homeport',
  '/usr/share/doc/homeport': 'the documentation, beginning with docs/getting-started.md, and examples',
} as const
const ENVIRONMENT = {
  HOMEPORT_CONFIG: 'the configuration file',
  HOMEPORT_SOCKET: 'the socket of the bridge',
  HOMEPORT_URL: 'a bridge elsewhere, as in https://bridge.example.net:8080',
  HOMEPORT_TOKEN: 'the token for it',
  HOMEPORT_CA_FILE: 'certificates that it is trusted by',
} as const
const EXIT_STATUS = { 0: 'done', 1: 'failed', 2: 'wrong usage or configuration' } as const

/** The manual page homeport(1), as roff, made of what `--help` says of every command. */
export async function manPage(version: string, at: Date): Promise<string> {
  const program = await createProgram([])
  const help = program.createHelp()
  const groups = new Map<string, Command[]>()
  for (const command of help.visibleCommands(program)) {
    const heading = command.helpGroup().replace(/:$/, '')
    if (command.name() !== 'help') groups.set(heading, [...(groups.get(heading) ?? []), command])
  }
  const sections = [...groups].map(([heading, commands]) => [
    `.SH "${text(heading.toUpperCase())}"`,
    ...commands.flatMap((command) => describe(command, help)),
  ])
  return `${[
    `.TH HOMEPORT 1 "${at.toISOString().slice(0, 10)}" "Homeport ${text(version)}" "User Commands"`,
    '.SH NAME',
    `homeport \\- ${text(program.description().split(':')[0] ?? '').replace(/^An? /, '')}`,
    '.SH SYNOPSIS',
    '.B homeport',
    '\\fICOMMAND\\fR [\\fIOPTION\\fR]...',
    '.SH DESCRIPTION',
    line(program.description()),
    '.PP',
    'The package runs it as the service homeport.service. Every command tells more by \\fB\\-\\-help\\fR.',
    ...sections.flat(),
    ...table('FILES', FILES),
    ...table('ENVIRONMENT', ENVIRONMENT),
    ...table('EXIT STATUS', EXIT_STATUS),
  ].join('\n')}\n`
}

/** A command with its arguments and options; of one that has commands below it, those. */
function describe(command: Command, help: Help): readonly string[] {
  const below = help.visibleCommands(command).filter((sub) => sub.name() !== 'help')
  if (below.length > 0) return below.flatMap((sub) => describe(sub, help))
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help')
  return [
    `.SS "${text(help.commandUsage(command))}"`,
    line(help.commandDescription(command)),
    ...help.visibleArguments(command).flatMap((argument) => entry(help.argumentTerm(argument), argument.description)),
    ...options.flatMap((option) => entry(help.optionTerm(option), help.optionDescription(option))),
  ]
}

function table(heading: string, entries: Readonly<Record<string, string>>): readonly string[] {
  return [`.SH "${heading}"`, ...Object.entries(entries).flatMap(([term, description]) => entry(term, description))]
}

function entry(term: string, description: string): readonly string[] {
  return ['.TP', `\\fB${text(term)}\\fR`, line(description)]
}

/** Text as a line of its own: what begins with a dot or an apostrophe would be a request. */
function line(written: string): string {
  return `\\&${text(written.replaceAll(/\s+/g, ' ').trim())}`
}

/** Text without what roff takes for an escape, an argument's end, or a hyphen where an option has its minus. */
function text(written: string): string {
  return written.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq')
}
