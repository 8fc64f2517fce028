import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { annotatedExample } from './annotated-example.js'
import { errorCode } from './error-code.js'
import { PACKAGE_CONFIG } from './package-places.js'
import type { Problem } from './problem.js'

/** Where the configuration is looked for when nobody names a file; relative paths start at the working directory. */
export const CONFIG_PLACES = ['config/homeport.yaml', 'homeport.yaml', PACKAGE_CONFIG] as const

/** Where to look for the configuration. */
export interface ConfigSearch {
  /** The file that `--config` names, relative to `cwd`. */
  readonly path?: string | undefined
  readonly cwd: string
  /** `HOMEPORT_CONFIG` names a file as `--config` does. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** For tests. */
  readonly places?: readonly string[]
}

export interface ConfigFile {
  /** As it was named, relative to `cwd`. */
  readonly file: string
  /** What named it, where somebody did. */
  readonly namedBy?: '--config' | 'HOMEPORT_CONFIG'
}

export type FoundConfigFile =
  | ({ readonly ok: true } & ConfigFile)
  /** There is none in any of the usual places. */
  | { readonly ok: false; readonly problem: Problem }

/**
 * The configuration file: the one that is named, whether it is there or not, else the first of the usual places where
 * one is. One that may not be read counts as found, so that no other is taken in its stead.
 */
export function findConfigFile({ path, cwd, env, places = CONFIG_PLACES }: ConfigSearch): FoundConfigFile {
  if (path !== undefined) return { ok: true, file: path, namedBy: '--config' }
  const { HOMEPORT_CONFIG: named = '' } = env
  if (named !== '') return { ok: true, file: named, namedBy: 'HOMEPORT_CONFIG' }
  const file = places.find((place) => isThere(resolve(cwd, place)))
  return file === undefined ? { ok: false, problem: nowhere(cwd, places) } : { ok: true, file }
}

function isThere(path: string): boolean {
  try {
    statSync(path)
    return true
  } catch (error) {
    const code = errorCode(error)
    return code !== 'ENOENT' && code !== 'ENOTDIR'
  }
}

function nowhere(cwd: string, places: readonly string[]): Problem {
  return {
    file: 'homeport',
    key: '',
    message: `no configuration file is found, neither ${places.map((place) => resolve(cwd, place)).join(' nor ')}`,
    hint: `name one with --config or HOMEPORT_CONFIG, or start from ${annotatedExample(cwd)}`,
  }
}
