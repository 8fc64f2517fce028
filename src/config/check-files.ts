import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { errorCode } from './error-code.js'
import type { ConfigError } from './config-error.js'
import { isKeyLine } from './key-lines.js'
import { hintWhenDenied } from './denied-files.js'
import { isDenial } from '../lib/is-denial.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { strangerText } from '../lib/stranger-text.js'
import { listAt, mappingAt, textAt } from './yaml/raw-shape.js'
import type { ValuePath } from './yaml/value-path.js'

/** A file that a configuration names, as it is written there. */
export interface NamedFile {
  /** Of the key. */
  readonly path: ValuePath
  readonly file: string | undefined
}

/** The files that a configuration names must be there before it may replace a working one. */
export function checkFiles(tree: LocatedTree, directory: string): readonly ConfigError[] {
  return filesNamedIn(tree.value).flatMap(({ path, file }): readonly ConfigError[] => {
    if (file === undefined || file === '') return []
    const resolved = resolve(directory, file)
    const problem = whyUnreadable(resolved)
    if (problem === undefined) return []
    const { fromEnvironment } = tree.placeOf(path)
    const fault = {
      path,
      message: `${fromEnvironment ? 'the file' : strangerText(resolved)} cannot be read (${problem})`,
    }
    if (isDenial(problem))
      return [{ ...fault, hint: hintWhenDenied(), ...(fromEnvironment ? {} : { denied: resolved }) }]
    return [problem === 'ENOENT' ? { ...fault, hint: 'paths are relative to the configuration file' } : fault]
  })
}

/** All of them but the sockets of agents, which come and go while Homeport runs. */
export function filesNamedIn(value: unknown): readonly NamedFile[] {
  const trust = mappingAt(value, 'trust')
  const ssh = mappingAt(mappingAt(value, 'endpoint'), 'ssh')
  const http = mappingAt(mappingAt(value, 'endpoint'), 'http')
  const cluster = mappingAt(value, 'cluster')
  return [
    { path: ['users-file'], file: textAt(value, 'users-file') },
    {
      path: ['authentication-hook', 'ca-file'],
      file: textAt(mappingAt(value, 'authentication-hook'), 'ca-file'),
    },
    { path: ['trust', 'known-hosts'], file: textAt(trust, 'known-hosts') },
    ...filesOfList(trust, ['trust', 'revoked']),
    ...Object.entries(mappingAt(value, 'credentials')).flatMap(([name, item]) =>
      ['private-key', 'certificate', 'user-ca'].map((key) => ({
        path: ['credentials', name, key],
        file: textAt(item, key),
      })),
    ),
    ...Object.entries(mappingAt(value, 'credentials')).flatMap(([name, item]) => {
      const written = textAt(item, 'agent-key')
      return written === undefined || isKeyLine(written)
        ? []
        : [{ path: ['credentials', name, 'agent-key'], file: written }]
    }),
    { path: ['endpoint', 'ssh', 'host-ca'], file: textAt(ssh, 'host-ca') },
    ...['host-keys', 'host-certificates', 'trusted-user-ca-keys', 'revoked-keys'].flatMap((key) =>
      filesOfList(ssh, ['endpoint', 'ssh', key]),
    ),
    ...['certificate', 'key', 'client-ca'].map((key) => ({
      path: ['endpoint', 'http', key],
      file: textAt(http, key),
    })),
    ...['certificate', 'key', 'ca'].map((key) => ({ path: ['cluster', key], file: textAt(cluster, key) })),
  ]
}

function filesOfList(holder: unknown, path: readonly string[]): readonly NamedFile[] {
  return listAt(holder, path.at(-1) ?? '').map((file, at) => ({
    path: [...path, at],
    file: typeof file === 'string' ? file : undefined,
  }))
}

function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK)
    return statSync(file).isFile() ? undefined : 'not a file'
  } catch (error) {
    return errorCode(error)
  }
}
