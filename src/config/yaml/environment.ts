import { readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { parse } from 'dotenv'
import { errorCode } from '../error-code.js'
import type { Problem } from '../problem.js'

export type Lookup =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'unset' }
  | { readonly kind: 'unreadable'; readonly variable: string; readonly code: string; readonly hint: string }

/** Where `${NAME}` is looked up. */
export interface Environment {
  readonly lookup: (name: string) => Lookup
}

type Variables = Readonly<Record<string, string | undefined>>

/**
 * An environment made of several layers, the first that knows a name wins. A layer knows `NAME` when it has `NAME`, or
 * `NAME_FILE`: then the value is that file's content without its last line end. `directory` is where relative ones
 * start.
 */
export function layeredEnvironment(layers: readonly Variables[], directory: string): Environment {
  return {
    lookup: (name) => {
      for (const layer of layers) {
        const value = own(layer, name)
        if (value !== undefined) return { kind: 'value', value }
        const file = own(layer, `${name}_FILE`)
        if (file !== undefined) return secretFile(`${name}_FILE`, file, directory)
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
): { readonly environment: Environment; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const layers: Variables[] = [env]
  for (const folder of new Set([resolve(cwd), resolve(cwd, directory)])) {
    const file = join(folder, '.env')
    try {
      layers.push(parse(readFileSync(file)))
    } catch (error) {
      const code = errorCode(error)
      // A directory named .env is a Python habit and none of our business.
      if (code !== 'ENOENT' && code !== 'EISDIR' && code !== 'ENOTDIR')
        problems.push({ file, key: '', message: `cannot be read (${code})`, hint: 'make it readable, or remove it' })
    }
  }
  return { environment: layeredEnvironment(layers, directory), problems }
}

function own(variables: Variables, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined
}

function secretFile(variable: string, file: string, directory: string): Lookup {
  try {
    return { kind: 'value', value: readFileSync(resolve(directory, file), 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    const start = isAbsolute(file) ? '' : `; a relative path starts at ${directory}`
    const hint = `check the path in ${variable} and the permissions of that file${start}`
    return { kind: 'unreadable', variable, code: errorCode(error), hint }
  }
}
