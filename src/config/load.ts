import { dirname, resolve } from 'node:path'
import { warningsAboutSecrecy } from './check-secrecy.js'
import { type ConfigSearch, findConfigFile } from './find-config.js'
import { readEnvironment } from './yaml/environment.js'
import { parseConfig } from './parse-config.js'
import type { Problem } from './problem.js'
import { readConfigText } from './yaml/read-text.js'
import type { SourcesRead } from './sources-read.js'
import type { Config } from './schema.js'
import { type LoadedUsers, loadUsersFile } from './users-file.js'

export type LoadedConfig =
  | {
      readonly ok: true
      readonly config: Config
      /** The file as it was named, relative to the working directory. */
      readonly file: string
      readonly warnings: readonly Problem[]
      /**
       * Files with secrets that everybody on this machine may read: warnings about the machine, not about what is
       * written.
       */
      readonly exposed: readonly Problem[]
      /** The file itself, `.env` files and those of secrets: what a reload would read again. */
      readonly sources: SourcesRead
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

/**
 * Finds, reads and checks the configuration, with `.env` of the working directory and of the file's directory, and its
 * users file. Never throws. An empty file is a configuration, no file is none.
 */
export function loadConfig(search: ConfigSearch): LoadedConfig {
  const { cwd, env } = search
  const found = findConfigFile(search)
  if (!found.ok) return { ok: false, problems: [found.problem] }
  const { file } = found
  const directory = dirname(resolve(cwd, file))
  const read = readConfigText(found, cwd)
  if (!read.ok) return { ok: false, problems: [read.problem] }

  const { environment, problems, read: besides } = readEnvironment(env, cwd, directory)
  const parsed = parseConfig({ text: read.text, file, directory, environment })
  if (!parsed.ok) return { ok: false, problems: [...problems, ...parsed.problems] }
  if (problems.length > 0) return { ok: false, problems }

  const { config, secretKey } = parsed
  const { warnings } = parsed
  const exposed = warningsAboutSecrecy({ config, file, secretKey, cwd, directory })
  const sources = new Map([[resolve(cwd, file), read.digest], ...besides])
  const { usersFile } = config
  if (usersFile === undefined) return { ok: true, config, file, warnings, exposed, sources }
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
    sources,
    usersFile: { path: usersFile, load },
  }
}
