import { printable } from '../config/printable.js'
import type { CommandIo } from './command-io.js'

/** What happened and where, and what to do; neither holds a secret. */
export interface ProblemWords {
  readonly message: string
  readonly hint: string
}

/** Why a command came to nothing: what happened, what to do, and the exit status that says whose fault it is. */
export interface CommandProblem extends Pick<ProblemWords, 'message'>, Partial<Pick<ProblemWords, 'hint'>> {
  /** 1 failed, 2 wrong usage or configuration. */
  readonly status: 1 | 2
}

/** Ends a command with its problem on standard error. */
export function exitWithProblem({ message, hint, status }: CommandProblem, io: CommandIo): void {
  const lines = [`homeport: ${message}`, ...(hint === undefined ? [] : [hint])]
  for (const line of lines.flatMap((text) => text.split('\n'))) io.stderr.write(`${printable(line)}\n`)
  io.exit(status)
}

/** The same for one that failed, unless another status is given. */
export function tellProblem(io: CommandIo, words: ProblemWords, status: 1 | 2 = 1): void {
  exitWithProblem({ ...words, status }, io)
}
