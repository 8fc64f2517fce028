import { basename, resolve } from 'node:path'
import { shellWord } from '../../lib/shell-word.js'

/** How a program was started: its script, and the Node that runs it. */
export type Started = { readonly script: string | undefined; readonly node: string }

/**
 * The line that makes `homeport` a command of the shell where this program is none yet, as in a clone; a function, so
 * that it lasts as long as the shell. Nothing where it is installed: by npm or in the image the script itself bears
 * the name, and the package's /usr/bin/homeport runs the script by the Node that stands beside it.
 */
export function commandHere({ script, node }: Started): string | undefined {
  if (script === undefined || basename(script) === 'homeport') return undefined
  if (resolve(script, '../../bin/node') === node) return undefined
  return `homeport() { ${shellWord(node)} ${shellWord(script)} "$@"; }`
}
