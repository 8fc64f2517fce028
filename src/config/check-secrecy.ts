import { statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { closeToOthers } from './close-to-others.js'
import type { LocatedTree } from './yaml/located-tree.js'
import type { Problem } from './problem.js'
import type { Config } from './schema.js'
import type { ValuePath } from './yaml/value-path.js'

/** Keys of the configuration whose values are secrets, other than hashes of passwords. */
const SECRET_KEYS: ReadonlySet<string> = new Set([
  'password',
  'passphrase',
  'secret',
  'secret-key',
  'token',
  'host-ca-passphrase',
  'user-ca-passphrase',
  'headers',
])

/** Keys whose values are secrets as far as they hold a password: URLs of databases. */
const URL_KEYS: ReadonlySet<string> = new Set(['database'])
const URL_WITH_PASSWORD = /^[a-z]+:\/\/[^/@:]*:[^@]/

/** The permission of everybody to read. */
const READABLE_BY_ALL = 0o004

/** The first key that has a secret written into the file itself, not taken from the environment. */
export function writtenSecret(tree: LocatedTree): string | undefined {
  const look = (value: unknown, path: ValuePath, isSecret: boolean): string | undefined => {
    if (typeof value === 'string')
      return isSecret && value !== '' && !tree.placeOf(path).fromEnvironment
        ? tree.pathInFile(path).join('.')
        : undefined
    if (typeof value !== 'object' || value === null) return undefined
    for (const [key, item] of Object.entries(value)) {
      const place = Array.isArray(value) ? Number(key) : key
      const hasPassword = URL_KEYS.has(key) && typeof item === 'string' && URL_WITH_PASSWORD.test(item)
      const found = look(item, [...path, place], isSecret || hasPassword || SECRET_KEYS.has(key))
      if (found !== undefined) return found
    }
    return undefined
  }
  return look(tree.value, [], false)
}

/**
 * Files that hold secrets and that everybody on this machine may read: the configuration where a secret is written into
 * it, `.env`, private keys. Each file is there once; the hint is the command that mends it, to be typed in `cwd`.
 * @param options.secretKey the key of such a secret
 */
export function warningsAboutSecrecy(options: {
  readonly config: Config
  readonly file: string
  readonly secretKey: string | undefined
  readonly cwd: string
  /** Absolute; that of the configuration file. */
  readonly directory: string
}): readonly Problem[] {
  const { config, file, secretKey, cwd, directory } = options
  const { ssh, http } = config.endpoint
  const ofCredentials = [...config.credentials].flatMap(([name, { privateKey, userCa }]) => [
    { key: `credentials.${name}.private-key`, path: privateKey },
    { key: `credentials.${name}.user-ca`, path: userCa },
  ])
  const keys = [
    ...ssh.hostKeys.map((path) => ({ key: 'endpoint.ssh.host-keys', path })),
    { key: 'endpoint.ssh.host-ca', path: ssh.hostCa },
    { key: 'endpoint.http.key', path: http.key },
    ...ofCredentials,
  ]
  const warning = (path: string, key: string, what: string): readonly Problem[] => {
    const mode = modeOf(path)
    if (mode === undefined || (mode & READABLE_BY_ALL) === 0) return []
    const below = relative(cwd, path)
    const shown = below.startsWith('..') || resolve(cwd) === '/' ? path : below
    const message = `${what}, and everybody on this machine may read it (mode ${(mode & 0o777).toString(8)})`
    return [{ file: shown, key, message, hint: closeToOthers(path, shown) }]
  }
  const folders = [...new Set([resolve(cwd), resolve(cwd, directory)])]
  const warnings = [
    ...(secretKey === undefined ? [] : warning(resolve(cwd, file), secretKey, 'the file has a secret in it')),
    ...folders.flatMap((folder) => warning(join(folder, '.env'), '', 'secrets are in it')),
    ...keys.flatMap(({ key, path }) => (path === undefined ? [] : warning(path, key, 'it is a private key'))),
  ]
  return warnings.filter(({ file: shown }, at) => warnings.findIndex((one) => one.file === shown) === at)
}

function modeOf(path: string): number | undefined {
  try {
    const found = statSync(path)
    return found.isFile() ? found.mode : undefined
  } catch {
    return undefined
  }
}
