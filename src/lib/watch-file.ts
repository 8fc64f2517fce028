import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

export interface WatchedFile {
  close(): void
}

export interface WatchTimes {
  /** Milliseconds of quiet in the directory before the file is read. */
  readonly settle?: number
  /** Milliseconds after which it is read although the directory is never quiet. */
  readonly stallTimeout?: number
  /** Milliseconds between two looks without being told of a change, for file systems that tell nothing. */
  readonly poll?: number
}

/**
 * Calls `changed` whenever a file has another content than before, also none. The directory is watched, not the file: a ConfigMap swaps a link beside
 * it, and editors put a new file in its place. When the directory itself is another one, that one is watched from then on.
 */
export function watchFile(
  path: string,
  changed: () => void,
  { settle = 200, stallTimeout = 2_000, poll = 10_000 }: WatchTimes = {},
): WatchedFile {
  const directory = dirname(path)
  let seen = digestOf(path)
  let watching: { readonly watcher: FSWatcher; readonly inode: bigint } | undefined
  let settling: NodeJS.Timeout | undefined
  let stirred = 0

  const look = (): void => {
    clearTimeout(settling)
    settling = undefined
    const now = digestOf(path)
    if (now === seen) return
    seen = now
    changed()
  }
  const stir = (): void => {
    if (settling === undefined) stirred = Date.now()
    clearTimeout(settling)
    settling = setTimeout(look, Math.max(Math.min(settle, stirred + stallTimeout - Date.now()), 0)).unref()
  }
  const unwatch = (): void => {
    watching?.watcher.close()
    watching = undefined
  }
  const keepWatching = (): void => {
    const inode = inodeOf(directory)
    if (watching !== undefined && watching.inode === inode) return
    unwatch()
    if (inode === undefined) return
    try {
      const watcher = watch(directory, { persistent: false }, stir)
      watcher.on('error', unwatch)
      watching = { watcher, inode }
    } catch {
      // No more watches are to be had: then it is looked at now and then.
    }
  }

  keepWatching()
  const polling = setInterval(() => {
    keepWatching()
    look()
  }, poll).unref()
  return {
    close: () => {
      clearInterval(polling)
      clearTimeout(settling)
      unwatch()
    },
  }
}

/** The same for the same content; what cannot be read has no content. */
function digestOf(path: string): string {
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
