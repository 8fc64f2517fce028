import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Milliseconds from the last change to a look: a pair is replaced one file after the other. */
const settling = 300
/** Milliseconds between looks without any sign, for file systems that give none. */
const anyway = 60_000

/**
 * Calls `look` some time after anything changed in the directories of these files, and every minute anyway.
 * The directories are watched, not the files: certificates are renewed by renaming, and a ConfigMap swaps a link beside them.
 */
export function watchFiles(files: readonly string[], look: () => void): { close: () => void } {
  let timer: NodeJS.Timeout | undefined
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(look, settling)
    timer.unref()
  }
  const watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((directory) => watched(directory, soon))
  const interval = setInterval(look, anyway)
  interval.unref()
  return {
    close: () => {
      clearTimeout(timer)
      clearInterval(interval)
      for (const watcher of watchers) watcher.close()
    },
  }
}

/** Without inotify, or without a directory, the looks every minute have to do. */
function watched(directory: string, changed: () => void): FSWatcher[] {
  try {
    const watcher = watch(directory, { persistent: false }, changed)
    watcher.on('error', () => watcher.close())
    return [watcher]
  } catch {
    return []
  }
}
