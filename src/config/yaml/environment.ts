import { readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { parse } from 'dotenv'
import { isDenial } from '../../lib/is-denial.js'
import { hintWhenDenied } from '../denied-files.js'
import { errorCode } from '../error-code.js'
import type { Problem } from '../problem.js'
import { digestOf, type SourcesRead } from '../sources-read.js'

export type Lookup =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'unset' }
  | { readonly kind: 'unreadable'; readonly variable: string; readonly code: string; readonly hint: string }

/** Where `${NAME}` is looked up. */
export interface Environment {
  readonly lookup: (name: string) => Lookup
}

type Variables = Readonly<Record<string, string | undefined>>

/** A `.env` file that was read. */
export interface EnvironmentFile {
  readonly file: string
  readonly variables: Variables
}

/**
 * An environment made of several layers, the first that knows a name wins. A layer knows `NAME` when it has `NAME`, or
 * `NAME_FILE`: then the value is that file's content without its last line end. `directory` is where relative ones
 * start.
 *
 * @param read is given the files of these contents
 */
export function layeredEnvironment(
  layers: readonly Variables[],
  directory: string,
  read = new Map<string, string>(),
): Environment {
  return {
    lookup: (name) => {
      for (const layer of layers) {
        const value = own(layer, name)
        if (value !== undefined) return { kind: 'value', value }
        const file = own(layer, `${name}_FILE`)
        if (file !== undefined) return secretFile(`${name}_FILE`, { file, directory, read })
      }
      return { kind: 'unset' }
    },
  }
}

/**
 * The process environment over `.env` of the working directory over `.env` beside the configuration file.
 * A `.env` that does not exist is no problem, one that cannot be read is.
 */
export function readEnvironment(
  env: Variables,
  cwd: string,
  directory: string,
): {
  readonly environment: Environment
  /** In the order in which they are asked. */
  readonly files: readonly EnvironmentFile[]
  readonly problems: readonly Problem[]
  /** The `.env` files, there or not, and those of secrets as they are looked up. */
  readonly read: SourcesRead
} {
  const problems: Problem[] = []
  const read = new Map<string, string>()
  const files: EnvironmentFile[] = []
  for (const folder of new Set([resolve(cwd), resolve(cwd, directory)])) {
    const file = join(folder, '.env')
    try {
      const bytes = readFileSync(file)
      files.push({ file, variables: parse(bytes) })
      read.set(file, digestOf(bytes))
    } catch (error) {
      const code = errorCode(error)
      read.set(file, code)
      // A directory named .env is a Python habit and none of our business.
      if (code !== 'ENOENT' && code !== 'EISDIR' && code !== 'ENOTDIR')
        problems.push({ file, key: '', message: `cannot be read (${code})`, ...whatHelps(code, file) })
    }
  }
  const layers = [env, ...files.map(({ variables }) => variables)]
  return { environment: layeredEnvironment(layers, directory, read), files, problems, read }
}

function whatHelps(code: string, file: string): Pick<Problem, 'hint' | 'denied'> {
  return isDenial(code) ? { hint: hintWhenDenied(), denied: file } : { hint: 'make it readable, or remove it' }
}

function own(variables: Variables, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined
}

/** The secret in a file of its own: the content without its last line end. */
export function secretIn(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/\r?\n$/, '')
}

function secretFile(
  variable: string,
  { file, directory, read }: { readonly file: string; readonly directory: string; readonly read: Map<string, string> },
): Lookup {
  const path = resolve(directory, file)
  try {
    const bytes = readFileSync(path)
    read.set(path, digestOf(bytes))
    return { kind: 'value', value: secretIn(bytes) }
  } catch (error) {
    const start = isAbsolute(file) ? '' : `; a relative path starts at ${directory}`
    const hint = `check the path in ${variable} and the permissions of that file${start}`
    return { kind: 'unreadable', variable, code: errorCode(error), hint }
  }
}
