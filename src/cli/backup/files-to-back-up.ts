import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { AUDIT_FILES } from '../../app/audit-log.js'
import type { ConfigFiles } from '../../config/config-files.js'
import { MAX_ENTRIES, placeOfName } from './backup-format.js'
import { BackupError, readFailure } from './backup-error.js'

/** A file or directory that belongs into a backup. */
export interface FileToBackUp {
  /** In the backup. */
  readonly name: string
  /** Absolute, here. */
  readonly path: string
  readonly stats: Stats
  /** A database, of which a copy is made first. */
  readonly isDatabase: boolean
  /** What a running bridge removes by itself, such as an old transcript: left out where it is gone. */
  readonly mayVanish: boolean
}

export interface FilesToBackUp {
  readonly files: readonly FileToBackUp[]
  /** The audit log among them, which a running bridge renames when it is full. */
  readonly auditLog: FileToBackUp | undefined
  /** What is not in it and somebody could expect there, in sentences. */
  readonly notes: readonly string[]
}

/** What is in data-dir and is of use to a running bridge alone: its socket, its locks, what SQLite keeps beside. */
const OF_THE_MOMENT = /(?:\.lock|-wal|-shm|-journal)$/
/** What an earlier restore has put aside, and what a killed one has left. */
const OF_A_RESTORE = /^(?:before-restore(?:\.\d+)?|\.homeport-.*|.*\.before-restore(?:\.\d+)?)$/

/**
 * Finds every file that belongs into a backup: the configuration, what it names, and data-dir as a whole. Symbolic
 * links are followed, since what they lead to is elsewhere on the next machine. Throws `BackupError`.
 */
export function filesToBackUp(config: ConfigFiles, { audit }: { readonly audit: boolean }): FilesToBackUp {
  const found = new Map<string, FileToBackUp>()
  const notes: string[] = []
  const directory = dirname(config.file)
  const isAudit = auditTest(config)

  const add = (path: string, options: { readonly mayVanish: boolean }): void => {
    const name = nameOf(path, { directory, dataDir: config.dataDir })
    if (found.has(name)) return
    if (placeOfName(name) === undefined) return void notes.push(`${path} is left out: its name has control characters`)
    const stats = statOf(path, options)
    if (stats === undefined) return
    const isDatabase = stats.isFile() && path.endsWith('.db') && name.startsWith('data/')
    found.set(name, { name, path, stats, isDatabase, ...options })
    if (found.size > MAX_ENTRIES)
      throw new BackupError(
        `more than ${MAX_ENTRIES} files belong into it`,
        'leave the audit log and its transcripts out with --without-audit, and keep them by other means',
      )
  }
  const addDirectory = (path: string, around: readonly string[]): void => {
    const real = realpathSync(path)
    if (around.includes(real)) return
    add(path, { mayVanish: false })
    for (const child of childrenOf(path)) {
      const childPath = join(path, child)
      if (OF_THE_MOMENT.test(child) || OF_A_RESTORE.test(child) || (!audit && isAudit(childPath))) continue
      const stats = statOf(childPath, { mayVanish: true })
      if (stats === undefined) continue
      if (lstatSync(childPath).isSymbolicLink())
        notes.push(`${childPath} is a symbolic link: what it leads to is in the backup in its place`)
      if (stats.isDirectory()) addDirectory(childPath, [...around, real])
      else if (stats.isFile()) add(childPath, { mayVanish: isAudit(childPath) })
      else if (!stats.isSocket()) notes.push(`${childPath} is left out: it is no file`)
    }
  }
  const addIfThere = (path: string, options: { readonly mayVanish: boolean }): void => {
    if (statOf(path, { mayVanish: true })?.isFile() === true) add(path, options)
  }

  for (const path of [config.file, ...config.named]) {
    add(path, { mayVanish: false })
    // The halves of a key that nobody names and everybody wants again.
    for (const half of [`${path}.pub`, `${path}-cert.pub`]) addIfThere(half, { mayVanish: false })
  }
  for (const path of [...found.values()].flatMap(({ name, path: held }) => directoriesAbove(name, held)))
    add(path, { mayVanish: false })
  if (statOf(config.dataDir, { mayVanish: true }) === undefined)
    notes.push(`there is no data-dir ${config.dataDir} yet: the backup holds the configuration alone`)
  else addDirectory(config.dataDir, [])
  if (audit) for (const path of auditElsewhere(config)) addIfThere(path, { mayVanish: true })
  const files = [...found.values()].toSorted(byName)
  return { files, auditLog: files.find(({ path }) => path === auditLogOf(config)), notes }
}

function auditLogOf({ auditFile, dataDir }: ConfigFiles): string {
  return auditFile ?? join(dataDir, AUDIT_FILES.log)
}

function byName(a: FileToBackUp, b: FileToBackUp): number {
  return a.name < b.name ? -1 : 1
}

/** data-dir may be in the directory of the configuration, or the other way round: the inner one counts. */
function nameOf(path: string, places: { readonly directory: string; readonly dataDir: string }): string {
  const known = [
    { place: 'config', root: places.directory },
    { place: 'data', root: places.dataDir },
  ]
  for (const { place, root } of known.toSorted((a, b) => b.root.length - a.root.length)) {
    if (path === root) return place
    const below = relative(root, path)
    if (below !== '..' && !below.startsWith('../')) return `${place}/${below}`
  }
  return `outside${path}`
}

/** The directories between the configuration's own and a file of it, both included. */
function directoriesAbove(name: string, path: string): readonly string[] {
  if (!name.startsWith('config/')) return []
  return name
    .split('/')
    .slice(1)
    .map((_, at) => join(path, ...Array.from({ length: at + 1 }, () => '..')))
}

function auditTest(config: ConfigFiles): (path: string) => boolean {
  const { transcripts, dataDir } = config
  const log = auditLogOf(config)
  const index = join(dataDir, AUDIT_FILES.index)
  const full = transcripts ?? join(dataDir, AUDIT_FILES.transcripts)
  return (path) =>
    path === log ||
    (path.startsWith(`${log}.`) && /^\d+$/.test(path.slice(log.length + 1))) ||
    path === index ||
    path === full ||
    path.startsWith(`${full}/`)
}

/** Audit log and transcripts that are not in data-dir. */
function auditElsewhere(config: ConfigFiles): readonly string[] {
  const { auditFile, transcripts } = config
  const isAudit = auditTest(config)
  return [auditFile === undefined ? undefined : dirname(auditFile), transcripts].flatMap((directory) =>
    directory === undefined || statOf(directory, { mayVanish: true }) === undefined
      ? []
      : childrenOf(directory)
          .map((child) => join(directory, child))
          .filter(isAudit),
  )
}

function childrenOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).toSorted()
  } catch (error) {
    throw readFailure(directory, error)
  }
}

/** Undefined where it is gone and may be. */
function statOf(path: string, { mayVanish }: { readonly mayVanish: boolean }): Stats | undefined {
  try {
    return statSync(path)
  } catch (error) {
    if (mayVanish && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw readFailure(path, error)
  }
}
