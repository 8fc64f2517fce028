import { strangerText } from '../lib/stranger-text.js'
import type { CommandIo } from './command-io.js'

/** What happened and where, and what to do; neither holds a secret. */
export interface FailureText {
  readonly message: string
  readonly hint: string
}

/** Why a command came to nothing: what happened, what to do, and the exit status that says whose fault it is. */
export interface CommandFailure extends Pick<FailureText, 'message'>, Partial<Pick<FailureText, 'hint'>> {
  /** Further lines, such as commands to paste. */
  readonly more?: readonly string[]
  /** 1 failed, 2 wrong usage or configuration. */
  readonly status: 1 | 2
}

/** UTF-16 units; a command to paste is whole. */
const LONGEST_LINE = 8 * 1024

/** Ends a command with its problem on standard error. */
export function exitWithFailure({ message, hint, more = [], status }: CommandFailure, io: CommandIo): void {
  const lines = [`homeport: ${message}`, ...(hint === undefined ? [] : [hint]), ...more]
  for (const line of lines) io.stderr.write(`${strangerText(line, LONGEST_LINE)}\n`)
  io.exit(status)
}

/** The same for one that failed, unless another status is given. */
export function reportFailure(io: CommandIo, words: FailureText, status: 1 | 2 = 1): void {
  exitWithFailure({ ...words, status }, io)
}
