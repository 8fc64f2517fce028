/** A word of a POSIX shell that stands for exactly this text. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9._/:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/**
 * A command of the command line for pasting, its words quoted. It is the one way to make the command of a hint: a
 * device id that a stranger chose must not become shell syntax, nor an option.
 *
 * @example homeportCommand('devices approve', deviceId)
 * @param subcommand words of ours, such as `devices approve`, written as they are
 * @param operands text of others; from the first one that begins with `-` on they stand behind `--`
 */
export function homeportCommand(subcommand: string, ...operands: readonly string[]): string {
  const words = operands.map(shellWord)
  const guarded = operands.some((operand) => operand.startsWith('-')) ? ['--', ...words] : words
  return ['homeport', subcommand, ...guarded].join(' ')
}
