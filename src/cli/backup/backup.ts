import { createWriteStream } from 'node:fs'
import { link, open, rename, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import { type ConfigFiles, configFilesOf } from '../../config/config-files.js'
import { findConfigFile } from '../../config/find-config.js'
import { formatProblem } from '../../config/problem.js'
import { exitWithFailure } from '../command-failure.js'
import { type CommandIo, processIo } from '../command-io.js'
import { configOption } from '../config-option.js'
import { counted } from '../../lib/counted.js'
import { homeportCommand } from '../../lib/shell-word.js'
import { BackupError, codeOf, writeFailure } from './backup-error.js'
import { type BackupEntry, type Place, PLACES } from './backup-format.js'
import { backupSource } from './backup-source.js'
import { filesToBackUp } from './files-to-back-up.js'
import { readableSize } from './readable-size.js'
import { makeWorkshop } from './workshop.js'
import { runningConfiguration } from './running-configuration.js'
import { writeArchive } from './write-archive.js'

interface BackupOptions {
  readonly config?: string
  readonly withoutAudit?: true
  readonly force?: true
}

/** `homeport backup FILE`: configuration, secrets and data-dir in one file, also while the bridge runs. */
export function backupCommand(io: CommandIo = processIo()): Command {
  return new Command('backup')
    .description('write configuration, secrets and data-dir into one file, also while the bridge runs')
    .argument('<file>', 'a tar.gz that only you may read; - for standard output')
    .addOption(configOption())
    .option('--without-audit', 'leave the audit log and its transcripts out')
    .option('--force', 'replace FILE if it is there')
    .action(async (file: string, options: BackupOptions) => {
      try {
        await backUp(file, options, io)
      } catch (error) {
        if (!(error instanceof BackupError)) throw error
        exitWithFailure(error, io)
      }
    })
}

async function backUp(file: string, options: BackupOptions, io: CommandIo): Promise<void> {
  const config = configOf(options.config, io)
  const force = options.force === true
  const audit = options.withoutAudit !== true
  const found = filesToBackUp(config, { audit })
  const target = file === '-' ? undefined : resolve(io.cwd, file)
  await checkTarget(target, config, force)
  const workshop = await makeWorkshop(target === undefined ? tmpdir() : dirname(target))
  try {
    const source = await backupSource(found, { config, audit, workshop: workshop.path })
    const made = join(workshop.path, 'backup.tar.gz')
    const to = target === undefined ? process.stdout : createWriteStream(made, { mode: 0o600, flags: 'wx' })
    const entries = await writeArchive(source, to).catch((error: unknown) => {
      throw error instanceof BackupError ? error : writeFailure(target ?? 'standard output', error)
    })
    if (target !== undefined) await putInPlace(made, target, force)
    const lines = [
      ...summaryOf(entries, config),
      ...found.notes,
      ...noteOnEnvironment(config),
      ...noteOnDatabase(config),
      ...(options.config === undefined ? await noteOnAnother(config, file, io) : []),
    ]
    for (const line of lines) (target === undefined ? io.stderr : io.stdout).write(`${line}\n`)
  } finally {
    await workshop.remove()
  }
}

/** The configuration that is backed up; it need not be one that `serve` accepts. Throws `BackupError`. */
function configOf(path: string | undefined, { cwd, env }: CommandIo): ConfigFiles {
  const place = findConfigFile({ path, cwd, env })
  const found = place.ok ? configFilesOf({ file: place.file, cwd, env }) : place
  if (found.ok) return found.files
  const { hint, ...problem } = found.problem
  throw new BackupError(withoutOwnName(formatProblem(problem)), hint ?? '`homeport check-config` tells more', 2)
}

/** A problem of no file at all is of `homeport`, which a command says anyway. */
function withoutOwnName(problem: string): string {
  return problem.replace(/^homeport: /, '')
}

async function checkTarget(target: string | undefined, { dataDir }: ConfigFiles, force: boolean): Promise<void> {
  if (target === undefined) {
    if (!process.stdout.isTTY) return
    throw new BackupError('a backup is not for a terminal', 'name a file, or send standard output elsewhere', 2)
  }
  const below = relative(dataDir, target)
  if (below === '' || (below !== '..' && !below.startsWith('../')))
    throw new BackupError(`${target} is in the data-dir that it would be a backup of`, 'name another directory', 2)
  const there = await stat(target).catch(() => undefined)
  if (there?.isDirectory() === true) throw new BackupError(`${target} is a directory`, 'name a file in it', 2)
  if (there !== undefined && !force) throw isThere(target)
}

/** Gives the finished file its name, never that of another unless it is wanted. */
async function putInPlace(made: string, target: string, force: boolean): Promise<void> {
  try {
    const handle = await open(made, 'r')
    await handle.sync()
    await handle.close()
    if (force) await rename(made, target)
    else await link(made, target)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw isThere(target)
    // Some file systems have no hard links; whether the name is free was looked up before.
    if (/^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS)$/.test(codeOf(error))) return rename(made, target)
    throw writeFailure(target, error)
  }
}

function isThere(target: string): BackupError {
  return new BackupError(`${target} is there already`, 'name another file, or replace it with --force', 2)
}

/** What each part of a backup holds. */
function summaryOf(entries: readonly BackupEntry[], { file }: ConfigFiles): readonly string[] {
  const words: Readonly<Record<Place, string>> = {
    config: `configuration ${file}`,
    data: 'data-dir',
    outside: 'files elsewhere that the configuration names',
  }
  return PLACES.flatMap((place) => {
    const files = entries.filter(({ name, type }) => type === 'file' && name.startsWith(`${place}/`))
    const size = files.reduce((sum, entry) => sum + entry.size, 0)
    return files.length === 0 ? [] : [`${counted(files.length, 'file')} (${readableSize(size)})  ${words[place]}`]
  })
}

/** Whoever stands in a directory with a configuration of its own hardly means that one while a bridge has another. */
async function noteOnAnother({ file }: ConfigFiles, target: string, io: CommandIo): Promise<readonly string[]> {
  const running = await runningConfiguration(io)
  if (running === undefined || running === file) return []
  const command = homeportCommand('backup', { config: running }, target)
  return [`THE BRIDGE THAT RUNS HAS ANOTHER CONFIGURATION, ${running}: ${command}`]
}

function noteOnDatabase({ hasDatabase }: ConfigFiles): readonly string[] {
  if (!hasDatabase) return []
  return ['not in it, because they are in the database of `cluster`: devices, tokens and jobs; `pg_dump` copies that']
}

function noteOnEnvironment({ fromEnvironment }: ConfigFiles): readonly string[] {
  if (fromEnvironment.length === 0) return []
  return [`not in it, because they come from the environment of this command: ${fromEnvironment.join(', ')}`]
}
