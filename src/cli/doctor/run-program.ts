import { execFile } from 'node:child_process'

/** Milliseconds after which a program is killed. */
const LONGEST = 3_000

/** What a program printed until it ended by itself, failed, or was killed for taking too long. */
export function printedBy(program: string, words: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const options = { signal, timeout: LONGEST, killSignal: 'SIGKILL' } as const
    execFile(program, words, options, (_, stdout) => resolve(stdout))
  })
}

/** The words that a program of the system prints; undefined where it is not there, fails, or takes too long. */
export function wordsOf(program: string, words: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C' }
    execFile(program, words, { signal, timeout: LONGEST, env }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    )
  })
}
