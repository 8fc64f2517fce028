import { statSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { warningsAboutUsers } from './warnings.js'
import type { Environment } from './yaml/environment.js'
import type { ConfigError } from './config-error.js'
import { locateWarnings, locateProblems } from './yaml/locate-problems.js'
import { homesOfKeys } from './keys-of-schema.js'
import { type LocatedTree, locateTree } from './yaml/located-tree.js'
import { duplicates, shown } from './name-faults.js'
import { nodeLimitOf } from './yaml/node-limit.js'
import { inFileOrder, type Problem } from './problem.js'
import { listAt, textAt } from './yaml/raw-shape.js'
import { readText } from './yaml/read-text.js'
import type { Config, UserConfig } from './schema.js'
import { schemaFaults } from './schema-faults.js'
import { userFaults } from './user-faults.js'
import { usersFileSchema } from './user-section.js'
import { parseYaml } from './yaml/yaml-syntax.js'

export type LoadedUsers =
  | {
      readonly ok: true
      /** The users of the configuration, and then those of the file. */
      readonly users: readonly UserConfig[]
      readonly warnings: readonly Problem[]
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export interface UsersFileSource {
  /** Absolute; problems name it relative to `cwd` where it lies below. */
  readonly path: string
  readonly cwd: string
  /** The configuration that names the file. */
  readonly config: Config
  readonly environment: Environment
  /** Problems of the environment itself. */
  readonly problems: readonly Problem[]
}

/**
 * Reads and checks a users file against the configuration that names it. A name may be in one of the two only, and
 * roles and devices must be the configuration's. An empty file is no users. Never throws.
 */
export function loadUsersFile({ path, cwd, config, environment, problems }: UsersFileSource): LoadedUsers {
  if (problems.length > 0) return { ok: false, problems }
  const below = relative(cwd, path)
  const file = below.startsWith('..') || isAbsolute(below) ? path : below
  const read = readText(file, cwd, 'write it, or remove the key `users-file` from the configuration')
  if (!read.ok) return { ok: false, problems: [read.problem] }
  const yaml = parseYaml(read.text)
  if (!yaml.ok) return { ok: false, problems: inFileOrder(yaml.faults.map((fault) => ({ file, key: '', ...fault }))) }

  const tree = locateTree(yaml, { environment, nodeLimit: nodeLimitOf(read.text) })
  const schema = usersFileSchema()
  const parsed = schema.safeParse(tree.value)
  const found = locateProblems(tree, file, [
    ...(parsed.success ? [] : schemaFaults(parsed.error, tree, () => homesOfKeys(schema))),
    ...duplicates(tree, { list: 'users', key: 'name', what: 'user name' }),
    ...namedTwice(tree, config.users),
    ...userFaults(tree, {
      roles: [...config.roles.keys()],
      deviceIds: config.devices.map(({ id }) => id),
      definedIn: 'the configuration',
    }),
  ])
  if (found.length > 0 || !parsed.success) return { ok: false, problems: found }
  const { users } = parsed.data
  return {
    ok: true,
    users: [...config.users, ...users],
    warnings: [...warningAboutMode(path, file), ...locateWarnings(tree, file, warningsAboutUsers(users, config))],
  }
}

function namedTwice(tree: LocatedTree, configured: readonly UserConfig[]): readonly ConfigError[] {
  const taken = new Set(configured.map(({ name }) => name.toLowerCase()))
  return listAt(tree.value, 'users').flatMap((item, at): readonly ConfigError[] => {
    const name = textAt(item, 'name')
    if (name === undefined || !taken.has(name.toLowerCase())) return []
    const path = ['users', at, 'name']
    const message = `the user${shown(tree, path, name)} is in the configuration already`
    return [{ path, message, hint: 'keep one of the two' }]
  })
}

/** Who may write the file gives rights to whom they like. */
function warningAboutMode(path: string, file: string): readonly Problem[] {
  const mode = modeOf(path)
  if (mode === undefined || (mode & 0o022) === 0) return []
  const octal = (mode & 0o777).toString(8)
  const message = `others than its owner may write it (mode ${octal}), and so give rights to anybody`
  return [{ file, key: '', message, hint: 'chmod go-w it' }]
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode
  } catch {
    return undefined
  }
}
