import { Command } from 'commander'
import { type LoadedConfig, loadConfig } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import { type CommandIo, processIo } from './command-io.js'

/**
 * `homeport check-config [--config FILE] [--json]`: exit status 0 when `serve` would accept the file, else 2 with all
 * problems on standard error. Warnings go to standard error and change nothing; so do those of files with secrets that
 * everybody may read, each on one line with the command that mends it.
 */
export function checkConfigCommand(io: CommandIo = processIo()): Command {
  return new Command('check-config')
    .description('check a configuration file as serve would read it')
    .option('-c, --config <file>', 'configuration file (default: config/homeport.yaml, else built-in defaults)')
    .option('--json', 'print the result as JSON on standard output')
    .action((options: { readonly config?: string; readonly json?: true }) => {
      const loaded = loadConfig({ path: options.config, cwd: io.cwd, env: io.env })
      if (options.json === true) io.stdout.write(`${JSON.stringify(asJson(loaded))}\n`)
      else print(loaded, io)
      io.exit(loaded.ok ? 0 : 2)
    })
}

function print(loaded: LoadedConfig, io: CommandIo): void {
  if (!loaded.ok) {
    for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`)
    return
  }
  for (const warning of loaded.warnings)
    io.stderr.write(`${formatProblem({ ...warning, message: `warning: ${warning.message}` })}\n`)
  for (const { hint, ...exposed } of loaded.exposed)
    io.stderr.write(`${formatProblem({ ...exposed, message: `warning: ${exposed.message}: ${hint ?? ''}` })}\n`)
  const { devices, users } = loaded.config
  const file = loaded.file ?? 'built-in defaults'
  io.stdout.write(`${file}: ok (${counted(devices.length, 'device')}, ${counted(users.length, 'user')})\n`)
}

function asJson(loaded: LoadedConfig): object {
  if (!loaded.ok) return loaded
  const { config, file, warnings, exposed } = loaded
  // oxlint-disable-next-line unicorn/no-null -- it is printed as JSON
  return { ok: true, file: file ?? null, devices: config.devices.length, users: config.users.length, warnings, exposed }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
