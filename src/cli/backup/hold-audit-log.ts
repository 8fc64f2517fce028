import { type FileHandle, open, readdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { codeOf, readFailure } from './backup-error.js'
import type { FileToBackUp } from './files-to-back-up.js'

/** A file that is open, whatever is renamed or removed from now on. */
export interface HeldFile {
  readonly file: FileToBackUp
  readonly handle: FileHandle
}

/**
 * Opens the audit log with its older files before any of them is read. The newest first: the bridge may rename
 * `FILE.1` to `FILE.2` at any moment, so a file is met twice and left out once, and none is missed. Throws
 * `BackupError`.
 */
export async function holdAuditLog(log: FileToBackUp): Promise<readonly HeldFile[]> {
  const handles: FileHandle[] = []
  const seen = new Set<string>()
  for (const suffix of ['', ...(await suffixesOf(log.path))]) {
    const handle = await openIfThere(`${log.path}${suffix}`)
    if (handle === undefined) continue
    const { dev, ino } = await handle.stat()
    const id = `${dev} ${ino}`
    if (seen.has(id)) await handle.close()
    else handles.push(handle)
    seen.add(id)
  }
  return Promise.all(
    handles.map(async (handle, at) => {
      const suffix = at === 0 ? '' : `.${at}`
      const stats = await handle.stat()
      return { handle, file: { ...log, name: `${log.name}${suffix}`, path: `${log.path}${suffix}`, stats } }
    }),
  )
}

/** `.1` and so on, one further than there is now. */
async function suffixesOf(log: string): Promise<readonly string[]> {
  const start = `${basename(log)}.`
  const names = await readdir(dirname(log))
  const numbers = names.filter((name) => name.startsWith(start)).map((name) => Number(name.slice(start.length)))
  const last = numbers
    .filter((number) => Number.isSafeInteger(number) && number < 10_000)
    .reduce((highest, number) => Math.max(highest, number), 0)
  return Array.from({ length: last + 1 }, (_, at) => `.${at + 1}`)
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw readFailure(path, error)
  }
}
