import { statSync } from 'node:fs'
import { shellWord } from '../lib/shell-word.js'

/**
 * The command that keeps a file from everybody but its owner and group, for whoever is told: with sudo where the file
 * is somebody else's, and without it for root, who may have none.
 * @param shown how the file is named where the command is typed
 */
export function closeToOthers(path: string, shown = path): string {
  const own = process.getuid?.()
  const mayDo = own === 0 || own === statSync(path, { throwIfNoEntry: false })?.uid
  return `${mayDo ? '' : 'sudo '}chmod o-rwx ${shown.startsWith('-') ? '-- ' : ''}${shellWord(shown)}`
}
