import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../../config/load.js'
import { formatProblem } from '../../config/problem.js'
import { homeportCommand, shellWord } from '../../lib/shell-word.js'
import { holdFile } from '../../store/sqlite/sqlite-database.js'
import { failureOf, failureOfOpening } from '../../store/sqlite/sqlite-failure.js'
import { summaryOfStore } from '../../store/sqlite/sqlite-copy.js'
import { STORE_FILE } from '../../store/sqlite/sqlite-store.js'
import { exitWithFailure } from '../command-failure.js'
import { type CommandIo, processIo } from '../command-io.js'
import { counted } from '../../lib/counted.js'
import { shortTime, table } from '../table.js'
import { knowsNothing, saysNothing } from './as-installed.js'
import { BackupError, codeOf } from './backup-error.js'
import type { BackupEntry, BackupHeader } from './backup-format.js'
import { changesSince } from './changes-since.js'
import { type PutAside, putBack } from './put-back.js'
import { type CheckedBackup, checkBackup } from './read-archive.js'
import { readableSize } from './readable-size.js'
import { type PlaceOptions, type RestorePlaces, restorePlaces, targetOf } from './restore-places.js'

interface RestoreOptions extends PlaceOptions {
  readonly list?: true
  readonly json?: true
  readonly force?: true
  readonly withOutside?: true
  readonly withoutOutside?: true
}

/** `homeport restore FILE`: puts a backup back, all of it or nothing, while no bridge runs. */
export function restoreCommand(io: CommandIo = processIo()): Command {
  return new Command('restore')
    .description('put back what `homeport backup` has written, all of it or nothing, while no bridge runs')
    .argument('<file>', 'a backup')
    .option('--list', 'check it and show what is in it; nothing is written')
    .option('--json', 'with --list: print JSON on standard output')
    .option('--to <dir>', 'unpack it into a new directory instead, to look at it')
    .option('-c, --config <file>', 'where the configuration goes (default: where it was, if Homeport looks there)')
    .option('--data-dir <dir>', 'where data-dir goes (default: below the configuration, or /var/lib/homeport)')
    .option('--force', 'also where something is already; that is kept as NAME.before-restore')
    .option('--with-outside', 'put files of other directories back, by their whole path')
    .option('--without-outside', 'leave these files out')
    .action(async (file: string, options: RestoreOptions) => {
      try {
        await restore(file, options, io)
      } catch (error) {
        if (!(error instanceof BackupError)) throw error
        exitWithFailure(error, io)
      }
    })
}

async function restore(file: string, options: RestoreOptions, io: CommandIo): Promise<void> {
  const path = pathOf(file, io)
  if (options.list === true)
    return list(await checkBackup(path, () => Promise.resolve(Number.MAX_SAFE_INTEGER)), options.json === true, io)
  const placesFor = (header: BackupHeader): RestorePlaces => realPlaces(restorePlaces(file, { header, options, io }))
  const backup = await checkBackup(path, (header) => roomFor(placesFor(header)))
  const places = placesFor(backup.header)
  const entries = entriesToRestore(file, { backup, places, options })
  if (options.to !== undefined) refuseFullDirectory(resolve(io.cwd, options.to))
  // A bridge that runs is to be stopped in any case, so that is said first.
  const release = holdDataDir(places.dataDir)
  let since: readonly string[] = []
  try {
    if (options.to === undefined) refuseToOverwrite({ backup, entries, places, force: options.force === true })
    const aside = await putBack({
      file: path,
      backup,
      entries,
      places,
      ready: ({ data }) => {
        since = options.to === undefined ? comparedStores(places.dataDir, data) : []
      },
    })
    tell({ backup, entries, places, aside, since, options }, io)
  } finally {
    release()
  }
}

/** Read twice, so it has to be a file. */
function pathOf(file: string, { cwd }: CommandIo): string {
  const path = resolve(cwd, file)
  try {
    if (file !== '-' && statSync(path).isFile()) return path
  } catch (error) {
    throw new BackupError(`${file} cannot be read (${codeOf(error)})`, 'check its name and its mode', 2)
  }
  throw new BackupError(`${file} is no file`, 'a backup is read twice: write it into a file first', 2)
}

/** A data-dir that is a symbolic link stays one. */
function realPlaces(places: RestorePlaces): RestorePlaces {
  return existsSync(places.dataDir) ? { ...places, dataDir: realpathSync(places.dataDir) } : places
}

/** All of it, but for files of other directories, which somebody has to want. */
function entriesToRestore(
  file: string,
  what: { readonly backup: CheckedBackup; readonly places: RestorePlaces; readonly options: RestoreOptions },
): readonly BackupEntry[] {
  const { backup, places, options } = what
  const { entries, header } = backup
  const isOutside = ({ name }: BackupEntry): boolean => name.startsWith('outside/')
  if (options.to !== undefined || options.withOutside === true) return entries
  const changed = entries.filter((entry) => isOutside(entry) && !isTheSame(targetOf(entry, places, header), entry))
  if (changed.length > 0 && options.withoutOutside !== true)
    throw new BackupError(
      `${file} holds ${counted(changed.length, 'file')} of other directories that are not the same here: ` +
        changed.map((entry) => targetOf(entry, places, header)).join(', '),
      'say --with-outside to put them back by these paths, or --without-outside to leave them out; ' +
        '--to DIR to look first',
      2,
    )
  return entries.filter((entry) => !isOutside(entry))
}

function isTheSame(path: string, { sha256 }: BackupEntry): boolean {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex') === sha256
  } catch {
    return false
  }
}

function refuseToOverwrite(what: {
  readonly backup: CheckedBackup
  readonly entries: readonly BackupEntry[]
  readonly places: RestorePlaces
  readonly force: boolean
}): void {
  const { backup, entries, places, force } = what
  if (force) return
  const files = entries.filter(({ name, type }) => type === 'file' && !name.startsWith('data/'))
  const there = files
    .map((entry) => ({ entry, target: targetOf(entry, places, backup.header) }))
    .filter(({ entry, target }) => existsSync(target) && !isTheSame(target, entry) && !saysNothing(target))
    .map(({ target }) => target)
  if (namesIn(places.dataDir).length > 0 && !knowsNothing(places.dataDir)) there.push(places.dataDir)
  if (there.length === 0) return
  throw new BackupError(
    `there is something already: ${there.join(', ')}`,
    'say --force: what is there is kept as NAME.before-restore; or look first with --list or --to DIR',
    2,
  )
}

function refuseFullDirectory(to: string): void {
  if (namesIn(to).length === 0) return
  throw new BackupError(`${to} is not empty`, 'name a directory that is not there yet', 2)
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => name !== 'lost+found')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw new BackupError(`${directory} cannot be read (${codeOf(error)})`, 'restore as root (sudo), or name another')
  }
}

/** Bytes that data-dir's file system has room for. */
async function roomFor({ dataDir }: RestorePlaces): Promise<number> {
  let existing = dataDir
  while (!existsSync(existing)) existing = dirname(existing)
  const { bavail, bsize } = await statfs(existing)
  return bavail * bsize
}

/** Keeps bridges from starting on data-dir; what releases it. Throws `BackupError` while one runs. */
function holdDataDir(dataDir: string): () => void {
  const lock = join(dataDir, `${STORE_FILE}.lock`)
  // A bridge makes it before anything else, and one that we made would not be its own.
  if (!existsSync(lock)) return () => undefined
  try {
    return holdFile(lock, { busyTimeout: 200 })
  } catch (error) {
    const failure = failureOf(error, lock)
    if (failure === undefined) throw error
    if (failure.reason !== 'locked') throw new BackupError(failure.message, failure.hint)
    throw new BackupError(
      `a bridge runs on ${dataDir}`,
      'stop it first, as by `sudo systemctl stop homeport`, and restore then',
    )
  }
}

/** What the restore takes back, where the store that was there can be read. */
function comparedStores(dataDir: string, staged: string): readonly string[] {
  const [before, restored] = [join(dataDir, STORE_FILE), join(staged, STORE_FILE)]
  if (!existsSync(before) || !existsSync(restored)) return []
  try {
    return changesSince(summaryOfStore(before), summaryOfStore(restored))
  } catch (error) {
    if (failureOfOpening(error, before) === undefined) throw error
    return [`${before} cannot be read, so nobody knows what was decided since the backup`]
  }
}

function tell(
  done: {
    readonly backup: CheckedBackup
    readonly entries: readonly BackupEntry[]
    readonly places: RestorePlaces
    readonly aside: PutAside
    readonly since: readonly string[]
    readonly options: RestoreOptions
  },
  io: CommandIo,
): void {
  const { backup, entries, places, aside, since, options } = done
  const { made, host, homeport } = backup.header
  const files = (place: string): string =>
    counted(entries.filter(({ name, type }) => type === 'file' && name.startsWith(place)).length, 'file')
  const lines = [
    `restored from the backup of ${shortTime(made)} (Homeport ${homeport} on ${host})`,
    `${files('config/')}  ${dirname(places.configFile)}`,
    `${files('data/')}  ${places.dataDir}`,
    ...aside.map(([was, is]) => `what was there is kept: ${was} is ${is} now`),
    ...since,
  ]
  if (options.to === undefined)
    lines.push(
      'Devices and tokens are those of that time: what was approved after it is unknown, ' +
        'what was revoked after it counts again.',
      ...faultsOf(places, io),
      `next: ${homeportCommand('check-config', { config: places.configFile })}, then start the bridge`,
    )
  for (const line of lines) io.stdout.write(`${line}\n`)
}

/** What keeps the bridge from starting with what was restored, such as variables of another environment. */
function faultsOf({ configFile, dataDir }: RestorePlaces, { cwd, env }: CommandIo): readonly string[] {
  const loaded = loadConfig({ path: configFile, cwd, env })
  if (!loaded.ok) return ['the configuration is not complete here:', ...loaded.problems.map(formatProblem)]
  const { dataDir: configured } = loaded.config
  if (configured === dataDir || (existsSync(configured) && realpathSync(configured) === dataDir)) return []
  return [`data-dir in ${shellWord(configFile)} is ${configured}: write ${dataDir} there`]
}

function list({ header, entries }: CheckedBackup, json: boolean, io: CommandIo): void {
  if (json) {
    io.stdout.write(`${JSON.stringify({ ...header, entries })}\n`)
    return
  }
  const { made, host, homeport, config, dataDir, audit } = header
  io.stdout.write(`Homeport ${homeport} on ${host}, ${shortTime(made)}${audit ? '' : ', without the audit log'}\n`)
  io.stdout.write(`config/ is ${dirname(config)}, data/ is ${dataDir}\n`)
  io.stdout.write(
    table([
      ['NAME', 'SIZE', 'MODE', 'OWNER'],
      ...entries.map(({ name, type, size, mode, user, group, uid, gid }) => [
        type === 'directory' ? `${name}/` : name,
        type === 'directory' ? '' : readableSize(size),
        mode.toString(8),
        `${user ?? uid}:${group ?? gid}`,
      ]),
    ]),
  )
}
