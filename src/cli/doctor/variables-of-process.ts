import { readFileSync } from 'node:fs'
import { parse } from 'dotenv'

/**
 * The variables that a bridge has as a process: those of its environment, and of `.env` where it was started. Undefined
 * where this user may not see them. They are only looked up in, never shown.
 */
export function variablesOf(pid: number): Readonly<Record<string, string>> | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return {
      ...besideProcess(pid),
      ...Object.fromEntries(
        variables.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)] as const),
      ),
    }
  } catch {
    return undefined
  }
}

function besideProcess(pid: number): Readonly<Record<string, string>> {
  try {
    return parse(readFileSync(`/proc/${pid}/cwd/.env`))
  } catch {
    return {}
  }
}
