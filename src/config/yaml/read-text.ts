import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { annotatedExample } from '../annotated-example.js'
import { isDenial } from '../../lib/is-denial.js'
import { hintWhenDenied } from '../denied-files.js'
import { errorCode } from '../error-code.js'
import type { ConfigFile } from '../find-config.js'
import type { Problem } from '../problem.js'
import { digestOf } from '../sources-read.js'

export type ReadText =
  | {
      readonly ok: true
      readonly text: string
      /** Of its bytes. */
      readonly digest: string
    }
  | { readonly ok: false; readonly problem: Problem }

/** Reads a UTF-8 file, relative to `cwd`. */
export function readText(file: string, cwd: string, hintWhenMissing: string): ReadText {
  let bytes: Buffer
  try {
    bytes = readFileSync(resolve(cwd, file))
  } catch (error) {
    const code = errorCode(error)
    const denied = isDenial(code) ? { denied: resolve(cwd, file) } : {}
    return { ok: false, problem: { file, key: '', ...whyNotRead(code, hintWhenMissing), ...denied } }
  }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), digest: digestOf(bytes) }
  } catch {
    return { ok: false, problem: { file, key: '', message: 'is not UTF-8 text', hint: 'save it as UTF-8' } }
  }
}

/** Reads a configuration file, which somebody named or which was found. */
export function readConfigText({ file, namedBy }: ConfigFile, cwd: string): ReadText {
  const another =
    namedBy === 'HOMEPORT_CONFIG' ? 'HOMEPORT_CONFIG names it; set it to another' : 'name another with --config'
  return readText(file, cwd, `${another}, or start from ${annotatedExample(cwd)}`)
}

function whyNotRead(code: string, hintWhenMissing: string): { readonly message: string; readonly hint: string } {
  if (code === 'ENOENT') return { message: 'there is no such file', hint: hintWhenMissing }
  if (code === 'EISDIR') return { message: 'is a directory', hint: 'name the file in it' }
  if (isDenial(code)) return { message: `not permitted to read it (${code})`, hint: hintWhenDenied() }
  return { message: `cannot be read (${code})`, hint: 'check its permissions' }
}
