import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { errorCode } from './error-code.js'
import type { Fault } from './fault.js'
import type { LocatedTree } from './located-tree.js'
import { printable } from './printable.js'
import { listAt, mappingAt, textAt } from './raw-shape.js'
import type { ValuePath } from './value-path.js'

/** The files that a configuration names must be there before it may replace a working one. */
export function checkFiles(tree: LocatedTree, directory: string): readonly Fault[] {
  const named: { readonly path: ValuePath; readonly file: string | undefined }[] = [
    ...Object.entries(mappingAt(tree.value, 'credentials')).map(([name, item]) => ({
      path: ['credentials', name, 'private-key'],
      file: textAt(item, 'private-key'),
    })),
    ...listAt(mappingAt(mappingAt(tree.value, 'endpoint'), 'ssh'), 'host-keys').map((file, at) => ({
      path: ['endpoint', 'ssh', 'host-keys', at],
      file: typeof file === 'string' ? file : undefined,
    })),
  ]
  return named.flatMap(({ path, file }): readonly Fault[] => {
    if (file === undefined || file === '') return []
    const problem = whyUnreadable(resolve(directory, file))
    if (problem === undefined) return []
    const shown = tree.placeOf(path).fromEnvironment ? 'the file' : printable(resolve(directory, file))
    const hint = 'paths are relative to the configuration file'
    return [{ path, message: `${shown} cannot be read (${problem})`, ...(problem === 'ENOENT' ? { hint } : {}) }]
  })
}

function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK)
    return statSync(file).isFile() ? undefined : 'not a file'
  } catch (error) {
    return errorCode(error)
  }
}
