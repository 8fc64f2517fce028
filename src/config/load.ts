import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { warningsAboutSecrecy } from './check-secrecy.js'
import { readEnvironment } from './yaml/environment.js'
import { parseConfig } from './parse-config.js'
import type { Problem } from './problem.js'
import { type ReadText, readText } from './yaml/read-text.js'
import type { Config } from './schema.js'
import { type LoadedUsers, loadUsersFile } from './users-file.js'

/** Where the configuration is looked for when nobody names a file, relative to the working directory. */
export const DEFAULT_FILE = 'config/homeport.yaml'

export type LoadedConfig =
  | {
      readonly ok: true
      readonly config: Config
      /** The file as it was named, or undefined when the built-in defaults are used. */
      readonly file: string | undefined
      readonly warnings: readonly Problem[]
      /**
       * Files with secrets that everybody on this machine may read: warnings about the machine, not about what is
       * written.
       */
      readonly exposed: readonly Problem[]
      /** The users file that the configuration names. */
      readonly usersFile?: NamedUsersFile
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A file of users, which may change while the rest of the configuration stays. */
export interface NamedUsersFile {
  /** Absolute. */
  readonly path: string
  /** Reads and checks it as it is now, against the same configuration. The users are those of both files. */
  readonly load: () => LoadedUsers
}

export interface LoadOptions {
  /** The file, relative to `cwd`; without it `config/homeport.yaml` if there is one, else the built-in defaults. */
  readonly path?: string | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Reads and checks the configuration, with `.env` of the working directory and of the file's directory, and its users
 * file. Never throws.
 */
export function loadConfig({ path, cwd, env }: LoadOptions): LoadedConfig {
  const file = path ?? (existsSync(resolve(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : undefined)
  const directory = file === undefined ? resolve(cwd) : dirname(resolve(cwd, file))
  const read = file === undefined ? { ok: true as const, text: '' } : readConfigText(file, cwd)
  if (!read.ok) return { ok: false, problems: [read.problem] }

  const { environment, problems } = readEnvironment(env, cwd, directory)
  const parsed = parseConfig({ text: read.text, file: file ?? 'built-in defaults', directory, environment })
  if (!parsed.ok) return { ok: false, problems: [...problems, ...parsed.problems] }
  if (problems.length > 0) return { ok: false, problems }

  const { config, secretKey } = parsed
  const { warnings } = parsed
  const exposed = warningsAboutSecrecy({ config, file, secretKey, cwd, directory })
  const { usersFile } = config
  if (usersFile === undefined) return { ok: true, config, file, warnings, exposed }
  const load = (): LoadedUsers =>
    loadUsersFile({ path: usersFile, cwd, config, ...readEnvironment(env, cwd, directory) })
  const loaded = load()
  if (!loaded.ok) return loaded
  return {
    ok: true,
    config: { ...config, users: loaded.users },
    file,
    warnings: [...warnings, ...loaded.warnings],
    exposed,
    usersFile: { path: usersFile, load },
  }
}

function readConfigText(file: string, cwd: string): ReadText {
  return readText(file, cwd, 'name another with --config, or start from config/homeport.example.yaml')
}
