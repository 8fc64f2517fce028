import { statSync } from 'node:fs'
import { Command } from 'commander'
import { accountNamed, accountOf } from '../config/account.js'
import { configFilesOf } from '../config/config-files.js'
import { type Denial, denialsOf } from '../config/denied-files.js'
import { type LoadedConfig, loadConfig } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import { configOption } from './config-option.js'
import { type CommandIo, processIo } from './command-io.js'

/**
 * `homeport check-config [--config FILE] [--json]`: exit status 0 when `serve` would accept the file, else, and without
 * any file, 2 with all problems on standard error. Warnings go to standard error and change nothing; so do those of
 * files with secrets that everybody may read, and of files that the user of the bridge may not, each on one line with
 * the command that mends it.
 */
export function checkConfigCommand(io: CommandIo = processIo()): Command {
  return new Command('check-config')
    .description('check a configuration file as serve would read it')
    .addOption(configOption())
    .option('--json', 'print the result as JSON on standard output')
    .action(async (options: { readonly config?: string; readonly json?: true }) => {
      const loaded = loadConfig({ path: options.config, cwd: io.cwd, env: io.env })
      const denials = loaded.ok ? await denialsOfBridge(loaded, io) : []
      if (options.json === true) io.stdout.write(`${JSON.stringify(asJson(loaded, denials))}\n`)
      else print(loaded, denials, io)
      io.exit(loaded.ok ? 0 : 2)
    })
}

/** The files that the bridge as a service could not read: it runs as the user who owns data-dir. */
async function denialsOfBridge(
  { config, file }: Extract<LoadedConfig, { ok: true }>,
  { cwd, env }: CommandIo,
): Promise<readonly Denial[]> {
  const owner = ownerOf(config.dataDir)
  const account = owner === undefined ? accountNamed('homeport') : accountOf(owner)
  const found = configFilesOf({ file, cwd, env })
  if (account === undefined || !found.ok) return []
  return denialsOf(account, [found.files.file, ...found.files.named])
}

/** Undefined where it is not there, or not to be seen. */
function ownerOf(directory: string): number | undefined {
  try {
    return statSync(directory).uid
  } catch {
    return undefined
  }
}

function print(loaded: LoadedConfig, denials: readonly Denial[], io: CommandIo): void {
  if (!loaded.ok) {
    for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`)
    return
  }
  for (const warning of loaded.warnings)
    io.stderr.write(`${formatProblem({ ...warning, message: `warning: ${warning.message}` })}\n`)
  for (const { hint, ...exposed } of loaded.exposed)
    io.stderr.write(`${formatProblem({ ...exposed, message: `warning: ${exposed.message}: ${hint ?? ''}` })}\n`)
  for (const { file, message, hint } of denials)
    io.stderr.write(`${formatProblem({ file, key: '', message: `warning: ${message}: ${hint}` })}\n`)
  const { devices, users } = loaded.config
  io.stdout.write(`${loaded.file}: ok (${counted(devices.length, 'device')}, ${counted(users.length, 'user')})\n`)
}

function asJson(loaded: LoadedConfig, unreadable: readonly Denial[]): object {
  if (!loaded.ok) return loaded
  const { config, file, warnings, exposed } = loaded
  return { ok: true, file, devices: config.devices.length, users: config.users.length, warnings, exposed, unreadable }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
