import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

export interface WatchedFiles {
  readonly close: () => void
}

export interface WatchTimes {
  /** Milliseconds of quiet in the directories before the files are read. */
  readonly settle?: number
  /** Milliseconds after which they are read although the directories are never quiet. */
  readonly stallTimeout?: number
  /** Milliseconds between two looks without being told of a change, for file systems that tell nothing. */
  readonly poll?: number
}

/**
 * Calls `changed` whenever one of the files has another content than before, also none. Their directories are watched,
 * not the files: a ConfigMap swaps a link beside them, and editors put a new file in the place of the old one. When a
 * directory itself is another one, that one is watched from then on.
 */
export function watchFiles(
  paths: readonly string[],
  changed: () => void,
  { settle = 200, stallTimeout = 2_000, poll = 10_000 }: WatchTimes = {},
): WatchedFiles {
  let seen = digestOf(paths)
  let settling: NodeJS.Timeout | undefined
  let stirred = 0

  const look = (): void => {
    clearTimeout(settling)
    settling = undefined
    const now = digestOf(paths)
    if (now === seen) return
    seen = now
    changed()
  }
  const stir = (): void => {
    if (settling === undefined) stirred = Date.now()
    clearTimeout(settling)
    settling = setTimeout(look, Math.max(Math.min(settle, stirred + stallTimeout - Date.now()), 0)).unref()
  }

  const directories = [...new Set(paths.map((path) => dirname(path)))].map((path) => watchDirectory(path, stir))
  const polling = setInterval(() => {
    for (const directory of directories) directory.keepWatching()
    look()
  }, poll).unref()
  return {
    close: () => {
      clearInterval(polling)
      clearTimeout(settling)
      for (const directory of directories) directory.close()
    },
  }
}

interface WatchedDirectory {
  /** Watches what is at the path now, where that is another directory than before. */
  readonly keepWatching: () => void
  readonly close: () => void
}

function watchDirectory(path: string, stir: () => void): WatchedDirectory {
  let watching: { readonly watcher: FSWatcher; readonly inode: bigint } | undefined
  const close = (): void => {
    watching?.watcher.close()
    watching = undefined
  }
  const keepWatching = (): void => {
    const inode = inodeOf(path)
    if (watching !== undefined && watching.inode === inode) return
    close()
    if (inode === undefined) return
    try {
      const watcher = watch(path, { persistent: false }, stir)
      watcher.on('error', close)
      watching = { watcher, inode }
    } catch {
      // No more watches are to be had: then it is looked at now and then.
    }
  }
  keepWatching()
  return { keepWatching, close }
}

/** The same for the same contents; what cannot be read has none. */
function digestOf(paths: readonly string[]): string {
  return paths.map(digestOfFile).join(' ')
}

function digestOfFile(path: string): string {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('base64')
  } catch {
    return ''
  }
}

function inodeOf(directory: string): bigint | undefined {
  try {
    return statSync(directory, { bigint: true }).ino
  } catch {
    return undefined
  }
}
