/** A word of a POSIX shell that stands for exactly this text. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9._/:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** Options of a command by their long names; those without a value are left out. */
export type CommandOptions = Readonly<Record<string, string | undefined>>

/**
 * A command of the command line for pasting, its words quoted. It is the one way to make the command of a hint: a
 * device id that a stranger chose must not become shell syntax, nor an option.
 *
 * @example homeportCommand('devices approve', deviceId)
 * @example homeportCommand('restore', { config }, file)
 * @param subcommand words of ours, such as `devices approve`, written as they are
 * @param words text of others: operands, and options, which go first; where an operand begins with `-`, all of them
 *   stand behind `--`
 */
export function homeportCommand(subcommand: string, ...words: readonly (string | CommandOptions)[]): string {
  const operands = words.filter((word) => typeof word === 'string')
  const options = words.flatMap((word) => (typeof word === 'string' ? [] : Object.entries(word)))
  return [
    'homeport',
    subcommand,
    ...options.flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${shellWord(value)}`])),
    ...(operands.some((operand) => operand.startsWith('-')) ? ['--'] : []),
    ...operands.map(shellWord),
  ].join(' ')
}
