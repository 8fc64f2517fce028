import { mkdir, rename, rmdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Changes of the file system that are all taken back when one of them fails. */
export interface UndoableChanges {
  /** Makes a directory with those above it; answers whether it was made now. */
  readonly makeDirectory: (path: string) => Promise<boolean>
  readonly move: (from: string, to: string) => Promise<void>
  /** Gives what is there another name, `PATH.before-restore` or the next one that is free, and answers it. */
  readonly putAside: (path: string) => Promise<string>
  /** Takes back what was changed, the last first. */
  readonly undo: () => Promise<void>
}

/** How what was there before a restore is called. */
export const ASIDE = 'before-restore'

export function undoableChanges(): UndoableChanges {
  const undoing: (() => Promise<unknown>)[] = []
  const move = async (from: string, to: string): Promise<void> => {
    await rename(from, to)
    undoing.push(() => rename(to, from))
  }
  const makeDirectory = async (path: string): Promise<boolean> => {
    if (await isThere(path)) return false
    await makeDirectory(dirname(path))
    await mkdir(path, { mode: 0o700 })
    undoing.push(() => rmdir(path))
    return true
  }
  return {
    makeDirectory,
    move,
    putAside: async (path) => {
      const aside = await freeName(`${path}.${ASIDE}`)
      await move(path, aside)
      return aside
    },
    undo: async () => {
      // What cannot be taken back does not keep the rest from it.
      for (const step of undoing.splice(0).toReversed()) await step().catch(() => undefined)
    },
  }
}

/** The name itself, or with the first number behind it that is free. */
export async function freeName(name: string): Promise<string> {
  for (let number = 0; ; number += 1) {
    const candidate = number === 0 ? name : `${name}.${number}`
    if (!(await isThere(candidate))) return candidate
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
