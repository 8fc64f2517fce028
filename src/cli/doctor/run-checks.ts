import { onAbort } from '../../lib/on-abort.js'
import { type Finding, notChecked } from './finding.js'
import type { Patient } from './patient.js'

/** One of the things that the doctor looks at. */
export interface Check {
  /** A word or two, which people and programs know it by. */
  readonly name: string
  readonly run: (patient: Patient, signal: AbortSignal) => Promise<readonly Finding[]> | readonly Finding[]
}

/** What a check found. */
export interface CheckedFinding extends Finding {
  readonly check: string
}

/** Milliseconds that one check gets; all of them run at once. */
const CHECK_TIMEOUT = 4_500

/** Runs all checks, in the end each in its place. One that throws or hangs is not made, and says so. */
export async function runChecks(
  checks: readonly Check[],
  patient: Patient,
  timeout = CHECK_TIMEOUT,
): Promise<readonly CheckedFinding[]> {
  const results = await Promise.all(checks.map((check) => runCheck(check, patient, timeout)))
  return results.flat()
}

async function runCheck({ name, run }: Check, patient: Patient, timeout: number): Promise<readonly CheckedFinding[]> {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), timeout)
  const late = new Promise<readonly Finding[]>((resolve) => {
    onAbort(over.signal, () => resolve([notChecked(`it took over ${timeout / 1000} s`)]))
  })
  try {
    const findings = await Promise.race([run(patient, over.signal), late])
    return findings.map((finding) => ({ check: name, ...finding }))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return [{ check: name, ...notChecked(`it could not be looked at: ${code ?? message}`) }]
  } finally {
    clearTimeout(timer)
    over.abort()
  }
}
