import { dirname, resolve } from 'node:path'
import { DEFAULT_DATA_DIR } from './data-dir.js'
import { type NamedFile, filesNamedIn } from './check-files.js'
import type { Problem } from './problem.js'
import { renameKeys } from './renamed-keys.js'
import { type Environment, type EnvironmentFile, readEnvironment } from './yaml/environment.js'
import { locateTree } from './yaml/located-tree.js'
import { nodeLimitOf } from './yaml/node-limit.js'
import { mappingAt, textAt } from './yaml/raw-shape.js'
import { readText } from './yaml/read-text.js'
import { parseYaml } from './yaml/yaml-syntax.js'

/** What a configuration is made of, and where the bridge keeps its own; every path is absolute. */
export interface ConfigFiles {
  readonly file: string
  /** The `.env` files that give variables, the files that these and the configuration name; each once. */
  readonly named: readonly string[]
  readonly dataDir: string
  /** As the file says it; a relative one goes where the file goes. */
  readonly dataDirAsWritten: string
  /** `audit.file` and `audit.full.directory`, where they are named. */
  readonly auditFile: string | undefined
  readonly transcripts: string | undefined
  /** Whether the store is in a database, and not in data-dir. */
  readonly hasDatabase: boolean
  /** Variables that the configuration takes from the environment of this process and not from a file. */
  readonly fromEnvironment: readonly string[]
}

export type FoundConfigFiles =
  | { readonly ok: true; readonly files: ConfigFiles }
  | { readonly ok: false; readonly problem: Problem }

/**
 * Reads which files a configuration consists of. It need not be one that `serve` would accept: of a file that has
 * faults, what can be read of it counts. Never throws.
 */
export function configFilesOf(options: {
  /** Relative to `cwd`. */
  readonly file: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}): FoundConfigFiles {
  const file = resolve(options.cwd, options.file)
  const directory = dirname(file)
  const { environment, files: layers, problems } = readEnvironment(options.env, options.cwd, directory)
  const [unreadable] = problems
  if (unreadable !== undefined) return { ok: false, problem: unreadable }
  const asked = askedOf(environment)
  const tree = treeOf(file, asked.environment)
  if (!tree.ok) return tree

  const named = filesNamedIn(tree.value).flatMap((one: NamedFile) => (one.file ? [resolve(directory, one.file)] : []))
  const users = textAt(tree.value, 'users-file')
  // Read for its variables alone; a file with faults gives none.
  if (users !== undefined) treeOf(resolve(directory, users), asked.environment)
  const audit = mappingAt(tree.value, 'audit')
  const transcripts = textAt(mappingAt(audit, 'full'), 'directory')
  const auditFile = textAt(audit, 'file')
  const dataDirAsWritten = textAt(tree.value, 'data-dir') ?? DEFAULT_DATA_DIR
  const beside = layers.map((layer) => layer.file).filter((one) => dirname(one) === directory)
  const sources = sourcesOf(asked.names, options.env, layers)
  return {
    ok: true,
    files: {
      file,
      named: [...new Set([...beside, ...sources.files.map((one) => resolve(directory, one)), ...named])],
      dataDir: resolve(directory, dataDirAsWritten),
      dataDirAsWritten,
      auditFile: auditFile === undefined ? undefined : resolve(directory, auditFile),
      transcripts: transcripts === undefined ? undefined : resolve(directory, transcripts),
      hasDatabase: mappingAt(tree.value, 'cluster')['database'] !== undefined,
      fromEnvironment: sources.fromEnvironment,
    },
  }
}

type ReadTree = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: Problem }

function treeOf(file: string, environment: Environment): ReadTree {
  const read = readText(file, dirname(file), 'name another with --config')
  if (!read.ok) return read
  const yaml = parseYaml(read.text)
  if (!yaml.ok) {
    const [fault] = yaml.faults
    return { ok: false, problem: { file, key: '', message: 'is no YAML', ...fault } }
  }
  const { tree } = renameKeys(locateTree(yaml, { environment, nodeLimit: nodeLimitOf(read.text) }))
  return { ok: true, value: tree.value }
}

/** The same environment, and the names that it was asked for. */
function askedOf(environment: Environment): { readonly environment: Environment; readonly names: ReadonlySet<string> } {
  const names = new Set<string>()
  const lookup: Environment['lookup'] = (name) => {
    names.add(name)
    return environment.lookup(name)
  }
  return { environment: { lookup }, names }
}

/** From where each name has its value: the first that knows `NAME`, or `NAME_FILE`. */
function sourcesOf(
  names: ReadonlySet<string>,
  env: Readonly<Record<string, string | undefined>>,
  layers: readonly EnvironmentFile[],
): { readonly files: readonly string[]; readonly fromEnvironment: readonly string[] } {
  const files: string[] = []
  const fromEnvironment: string[] = []
  for (const name of names) {
    const holder = [{ file: undefined, variables: env }, ...layers].find(
      ({ variables }) => variables[name] !== undefined || variables[`${name}_FILE`] !== undefined,
    )
    if (holder === undefined) continue
    const secretFile = holder.variables[name] === undefined ? holder.variables[`${name}_FILE`] : undefined
    if (holder.file !== undefined) files.push(holder.file)
    else fromEnvironment.push(secretFile === undefined ? name : `${name}_FILE`)
    if (secretFile !== undefined) files.push(secretFile)
  }
  return { files, fromEnvironment: fromEnvironment.toSorted() }
}
