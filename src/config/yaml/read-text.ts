import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { errorCode } from '../error-code.js'
import type { Problem } from '../problem.js'

export type ReadText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: Problem }

/** Reads a UTF-8 file, relative to `cwd`. */
export function readText(file: string, cwd: string, hintWhenMissing: string): ReadText {
  let bytes: Buffer
  try {
    bytes = readFileSync(resolve(cwd, file))
  } catch (error) {
    return { ok: false, problem: { file, key: '', ...whyNotRead(errorCode(error), hintWhenMissing) } }
  }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { ok: false, problem: { file, key: '', message: 'is not UTF-8 text', hint: 'save it as UTF-8' } }
  }
}

function whyNotRead(code: string, hintWhenMissing: string): { readonly message: string; readonly hint: string } {
  if (code === 'ENOENT') return { message: 'there is no such file', hint: hintWhenMissing }
  if (code === 'EISDIR') return { message: 'is a directory', hint: 'name the file in it' }
  return { message: `cannot be read (${code})`, hint: 'check its permissions' }
}
