import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readEnvironment } from './environment.js'
import { errorCode } from './error-code.js'
import { parseConfig } from './parse-config.js'
import type { Problem } from './problem.js'
import type { Config } from './schema.js'

/** Where the configuration is looked for when nobody names a file, relative to the working directory. */
export const DEFAULT_FILE = 'config/homeport.yaml'

export type LoadedConfig =
  | {
      readonly ok: true
      readonly config: Config
      /** The file as it was named, or undefined when the built-in defaults are used. */
      readonly file: string | undefined
      readonly warnings: readonly Problem[]
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export interface LoadOptions {
  /** The file, relative to `cwd`; without it `config/homeport.yaml` if there is one, else the built-in defaults. */
  readonly path?: string | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Reads and checks the configuration, with `.env` of the working directory and of the file's directory. Never throws. */
export function loadConfig({ path, cwd, env }: LoadOptions): LoadedConfig {
  const file = path ?? (existsSync(resolve(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : undefined)
  const directory = file === undefined ? resolve(cwd) : dirname(resolve(cwd, file))
  const read = file === undefined ? { ok: true as const, text: '' } : readText(file, cwd)
  if (!read.ok) return { ok: false, problems: [read.problem] }

  const { environment, problems } = readEnvironment(env, cwd, directory)
  const parsed = parseConfig({ text: read.text, file: file ?? 'built-in defaults', directory, environment })
  if (!parsed.ok) return { ok: false, problems: [...problems, ...parsed.problems] }
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, config: parsed.config, file, warnings: parsed.warnings }
}

function readText(file: string, cwd: string): { ok: true; text: string } | { ok: false; problem: Problem } {
  let octets: Buffer
  try {
    octets = readFileSync(resolve(cwd, file))
  } catch (error) {
    return { ok: false, problem: { file, key: '', ...whyNotRead(errorCode(error)) } }
  }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(octets) }
  } catch {
    return { ok: false, problem: { file, key: '', message: 'is not UTF-8 text', hint: 'save it as UTF-8' } }
  }
}

function whyNotRead(code: string): { readonly message: string; readonly hint: string } {
  if (code === 'ENOENT')
    return {
      message: 'there is no such file',
      hint: 'name another with --config, or start from config/homeport.example.yaml',
    }
  if (code === 'EISDIR') return { message: 'is a directory', hint: 'name the file in it' }
  return { message: `cannot be read (${code})`, hint: 'check its permissions' }
}
