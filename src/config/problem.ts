import { strangerText } from '../lib/stranger-text.js'

/** One thing that is wrong (or doubtful) in a configuration. Never holds a secret or a value that came from `${…}`. */
export interface Problem {
  /** The file as the operator named it, relative to the working directory unless given otherwise. */
  readonly file: string
  /** Line and column count from 1; both are absent when the problem is the file as a whole. */
  readonly line?: number
  readonly column?: number
  /**
   * The path of the key, such as `endpoint.ssh.port` or `devices[1].id`; empty when the problem is the file as a whole.
   */
  readonly key: string
  readonly message: string
  /** What to do about it. */
  readonly hint?: string
  /** The file that this user may not read, absolute, where that is the problem. */
  readonly denied?: string
}

/** `config/homeport.yaml:12:5: endpoint.ssh.port: …`, and the hint on an indented line of its own. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}:${problem.column ?? 1}`
  const key = problem.key === '' ? '' : `${problem.key}: `
  const hint = problem.hint === undefined ? '' : `\n    ${problem.hint}`
  return `${strangerText(place)}: ${key}${problem.message}${hint}`
}

/** The order in which somebody reads the file who mends it. */
export function inFileOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}
