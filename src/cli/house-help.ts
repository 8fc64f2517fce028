import type { Command } from 'commander'

/** Columns below which commander gives up wrapping descriptions, so that the terminal breaks words at its edge. */
const LEAST_COLUMNS = 20

/** Where no terminal tells its own. */
const USUAL_COLUMNS = 80

/** Gives a command, and those below it, help that fits the terminal. */
export function useHouseHelp(command: Command): void {
  command.configureHelp({
    minWidthToWrap: LEAST_COLUMNS,
    // What the commands of the program take is told by the help of each: there is no room for it beside so many.
    subcommandTerm: (sub) => (isProgram(command) ? sub.name() : [sub.name(), ...argumentsOf(sub)].join(' ')),
  })
  for (const sub of command.commands) useHouseHelp(sub)
}

/**
 * Text below the help of a command, wrapped as wide as the terminal is. It is written a paragraph a line; a line that
 * begins with a space is something to type, and stays as it is.
 */
export function helpText(text: string): (shown: { readonly command: Command }) => string {
  return ({ command }) => {
    const width = command.configureOutput().getOutHelpWidth?.() ?? USUAL_COLUMNS
    const wrapped = (line: string): string => (line.startsWith(' ') ? line : command.createHelp().boxWrap(line, width))
    return text.split('\n').map(wrapped).join('\n')
  }
}

function isProgram(command: Command): boolean {
  return command.parent === null
}

/** `<id> [file]`, as commander writes it. */
function argumentsOf(command: Command): readonly string[] {
  const { registeredArguments } = command
  return registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
}
