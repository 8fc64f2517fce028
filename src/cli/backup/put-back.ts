import { createHash } from 'node:crypto'
import { access, chmod, chown, constants, mkdir, mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackupError, writeFailure } from './backup-error.js'
import type { BackupEntry } from './backup-format.js'
import { readOwnerNames } from './owner-names.js'
import { type CheckedBackup, entriesIn } from './read-archive.js'
import { type RestorePlaces, targetOf } from './restore-places.js'
import { ASIDE, freeName, type UndoableChanges, undoableChanges } from './undoable-changes.js'

export interface PutBackOptions {
  readonly file: string
  readonly backup: CheckedBackup
  /** Those of its entries that are put back. */
  readonly entries: readonly BackupEntry[]
  readonly places: RestorePlaces
  /** Called when everything lies ready and nothing has its name yet; `data` is where data-dir lies meanwhile. */
  readonly ready: (staged: { readonly data: string }) => void
}

/** What was there and is called otherwise now: pairs of the old name and the new one. */
export type PutAside = readonly (readonly [was: string, is: string])[]

/**
 * Writes everything beside where it goes, and gives it its names when all of it is there; what was there is put aside.
 * Where anything fails, all is as it was. Throws `BackupError`.
 */
export async function putBack(options: PutBackOptions): Promise<PutAside> {
  const changes = undoableChanges()
  const stages: string[] = []
  try {
    const plan = await planOf(options, { changes, stages })
    await writeStaged(options, plan)
    options.ready({ data: plan.dataStage })
    return await giveNames(plan, changes)
  } catch (error) {
    // Directories that were made for it can only be taken back when they are empty.
    await removeAll(stages)
    await changes.undo()
    if (error instanceof BackupError || !(error instanceof Error && 'code' in error)) throw error
    throw writeFailure((error as NodeJS.ErrnoException).path ?? options.places.dataDir, error)
  } finally {
    await removeAll(stages)
  }
}

async function removeAll(stages: readonly string[]): Promise<void> {
  for (const stage of stages) await rm(stage, { recursive: true, force: true })
}

interface Plan {
  /** Where the bytes of each entry are written first; undefined for a directory that is there already. */
  readonly stagedAt: ReadonlyMap<string, string>
  /** Files outside of data-dir, and where they go. */
  readonly files: readonly { readonly staged: string; readonly target: string }[]
  readonly dataDir: string
  readonly dataStage: string
  /** Whether the backup holds a data-dir at all. */
  readonly hasData: boolean
  /** data-dir itself can be given another name: it is no mount point, and the directory above may be written. */
  readonly whole: boolean
}

async function planOf(
  { backup, entries, places }: PutBackOptions,
  { changes, stages }: { readonly changes: UndoableChanges; readonly stages: string[] },
): Promise<Plan> {
  const stageIn = async (directory: string): Promise<string> => {
    await changes.makeDirectory(directory)
    const stage = await mkdtemp(join(directory, '.homeport-restore-'))
    stages.push(stage)
    return stage
  }
  const { dataDir } = places
  const whole = await canBeRenamed(dataDir)
  const hasData = entries.some(({ name }) => name === 'data')
  const dataStage = join(await stageIn(whole || !hasData ? dirname(dataDir) : dataDir), 'data')
  const stageOf = new Map<string, string>()
  const stagedAt = new Map<string, string>()
  const files: { staged: string; target: string }[] = []
  for (const [at, entry] of entries.entries()) {
    const target = targetOf(entry, places, backup.header)
    if (entry.name === 'data' || entry.name.startsWith('data/')) {
      stagedAt.set(entry.name, join(dataStage, entry.name.slice('data'.length)))
      continue
    }
    if (entry.type === 'directory') {
      if (await changes.makeDirectory(target)) stagedAt.set(entry.name, target)
      continue
    }
    const directory = dirname(target)
    const stage = stageOf.get(directory) ?? (await stageIn(directory))
    stageOf.set(directory, stage)
    stagedAt.set(entry.name, join(stage, String(at)))
    files.push({ staged: join(stage, String(at)), target })
  }
  return { stagedAt, files, dataDir, dataStage, hasData, whole }
}

async function canBeRenamed(directory: string): Promise<boolean> {
  const above = await stat(dirname(directory)).catch(() => undefined)
  // All of it will be made.
  if (above === undefined) return true
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const isMountPoint = mounts.split('\n').some((line) => line.split(' ')[4] === directory)
  if (isMountPoint) return false
  return access(dirname(directory), constants.W_OK).then(
    () => true,
    () => false,
  )
}

async function writeStaged({ file, entries, places }: PutBackOptions, { stagedAt, dataStage }: Plan): Promise<void> {
  const known = new Map(entries.map((entry) => [entry.name, entry]))
  const ownerOf = await owners(places)
  await mkdir(dataStage, { mode: 0o700 })
  for (const entry of entries) {
    const staged = stagedAt.get(entry.name)
    if (entry.type === 'directory' && staged !== undefined) await mkdir(staged, { recursive: true, mode: 0o700 })
  }
  for await (const { name, bytes } of entriesIn(file)) {
    const entry = known.get(name)
    const staged = stagedAt.get(name)
    if (entry?.type !== 'file' || staged === undefined) continue
    await writeFileOf({ entry, staged, owner: ownerOf(entry) }, bytes)
  }
  // The innermost first, since one that is not ours any more cannot be looked into.
  for (const entry of entries.toReversed()) {
    const staged = stagedAt.get(entry.name)
    if (entry.type !== 'directory' || staged === undefined) continue
    await chmod(staged, entry.mode)
    const owner = ownerOf(entry)
    if (owner !== undefined) await chown(staged, owner.uid, owner.gid)
  }
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * Root gives each file to the user of the same name here, or of the directory that was there; anybody else can only own
 * it.
 */
async function owners({ configFile, dataDir }: RestorePlaces): Promise<(entry: BackupEntry) => Owner | undefined> {
  if (process.getuid?.() !== 0) return () => undefined
  const here = readOwnerNames()
  const root = { uid: 0, gid: 0 }
  const ofConfig = await stat(dirname(configFile)).catch(() => root)
  const ofData = await stat(dataDir).catch(() => root)
  return ({ name, user, group }) => {
    const otherwise = name.startsWith('data') ? ofData : ofConfig
    return {
      uid: (user === undefined ? undefined : here.uidOf(user)) ?? otherwise.uid,
      gid: (group === undefined ? undefined : here.gidOf(group)) ?? otherwise.gid,
    }
  }
}

async function writeFileOf(
  { entry, staged, owner }: { readonly entry: BackupEntry; readonly staged: string; readonly owner: Owner | undefined },
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  await mkdir(dirname(staged), { recursive: true, mode: 0o700 })
  const handle = await open(staged, 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    for await (const chunk of bytes) {
      hash.update(chunk)
      await handle.writeFile(chunk)
    }
    if (hash.digest('hex') !== entry.sha256)
      throw new BackupError(`${entry.name} has changed since it was checked`, 'nothing was restored; run it again')
    const modified = new Date(entry.modified)
    await handle.utimes(modified, modified)
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
    await handle.chmod(entry.mode)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function giveNames(plan: Plan, changes: UndoableChanges): Promise<PutAside> {
  const giveNameToData = plan.whole ? giveNameToAll : giveNameToEach
  const aside = plan.hasData ? [...(await giveNameToData(plan, changes))] : []
  for (const { staged, target } of plan.files) {
    const there = await readFile(target).catch(() => undefined)
    if (there?.equals(await readFile(staged)) === true) continue
    if (there !== undefined) aside.push([target, await changes.putAside(target)])
    await changes.move(staged, target)
  }
  return aside
}

/** data-dir as a whole; an empty directory of that name gives way. */
async function giveNameToAll({ dataDir, dataStage }: Plan, changes: UndoableChanges): Promise<PutAside> {
  const old = await readdir(dataDir).catch(() => [])
  const aside = old.length === 0 ? undefined : await changes.putAside(dataDir)
  await changes.move(dataStage, dataDir)
  return aside === undefined ? [] : [[dataDir, aside]]
}

/** What is in data-dir, one by one: where data-dir itself has to stay. */
async function giveNameToEach({ dataDir, dataStage }: Plan, changes: UndoableChanges): Promise<PutAside> {
  const old = (await readdir(dataDir)).filter((name) => !/^(?:before-restore|\.homeport-|lost\+found$)/.test(name))
  const kept = await freeName(join(dataDir, ASIDE))
  for (const name of old) {
    await changes.makeDirectory(kept)
    await changes.move(join(dataDir, name), join(kept, name))
  }
  for (const name of await readdir(dataStage)) await changes.move(join(dataStage, name), join(dataDir, name))
  return old.length === 0 ? [] : [[dataDir, kept]]
}
