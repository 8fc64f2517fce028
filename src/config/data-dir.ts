import { dirname, resolve } from 'node:path'
import type { ConfigFile } from './find-config.js'
import type { Problem } from './problem.js'
import { readEnvironment } from './yaml/environment.js'
import { locateTree } from './yaml/located-tree.js'
import { nodeLimitOf } from './yaml/node-limit.js'
import { readConfigText } from './yaml/read-text.js'
import { parseYaml } from './yaml/yaml-syntax.js'

/** What `data-dir` is when the file does not say it, relative to the file. */
export const DEFAULT_DATA_DIR = 'data'

export type ReadDataDir =
  | {
      readonly ok: true
      /** Absolute. */
      readonly dataDir: string
    }
  | { readonly ok: false; readonly problem: Problem }

/** A file, and what `${NAME}` in its `data-dir` may stand for. */
interface DataDirSource extends ConfigFile {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * The `data-dir` of a configuration, whatever else is wrong in it: secrets that are not set here, keys of another
 * version, even YAML that is broken elsewhere. Who only looks for the bridge or its CA needs nothing more.
 */
export function readDataDir({ cwd, env, ...found }: DataDirSource): ReadDataDir {
  const read = readConfigText(found, cwd)
  if (!read.ok) return read
  const { file } = found
  const failed = (message: string, hint: string): ReadDataDir => ({
    ok: false,
    problem: { file, key: 'data-dir', message, hint },
  })
  const text = parseYaml(read.text).ok ? read.text : lineOfDataDir(read.text)
  const yaml = parseYaml(text ?? '')
  if (text === undefined || !yaml.ok)
    return failed('the YAML is broken, and no one line tells the data-dir', '`homeport check-config` tells where')
  const directory = dirname(resolve(cwd, file))
  const { environment } = readEnvironment(env, cwd, directory)
  const { value: root, faults } = locateTree(yaml, { environment, nodeLimit: nodeLimitOf(text) })
  const [fault] = faults.filter(({ path }) => path[0] === 'data-dir')
  if (fault !== undefined) return failed(fault.message, fault.hint ?? '`homeport check-config` tells more')
  if (!isMapping(root) && root !== null && root !== undefined)
    return failed('the file is no configuration: it has no keys', 'name the configuration of the bridge')
  const written = valueIn(root) ?? DEFAULT_DATA_DIR
  if (typeof written !== 'string' || written === '') return failed('expected a path', 'name the directory')
  return { ok: true, dataDir: resolve(directory, written) }
}

/** The line of a block mapping that has the key at its top, if there is just one. */
function lineOfDataDir(text: string): string | undefined {
  const lines = text.split(/\r?\n/).filter((line) => /^(["']?)data-dir\1[ \t]*:/.test(line))
  return lines.length === 1 ? lines[0] : undefined
}

function isMapping(root: unknown): root is object {
  return typeof root === 'object' && root !== null && !Array.isArray(root)
}

function valueIn(root: unknown): unknown {
  return isMapping(root) && 'data-dir' in root ? root['data-dir'] : undefined
}
