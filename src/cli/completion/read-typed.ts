import type { Argument, Command, Option } from 'commander'

/** Where somebody stands who has typed some words of a command and is about to type another. */
export interface Typed {
  readonly command: Command
  /** The command whose commands its `help` explains, where that was typed. */
  readonly explained: Command | undefined
  /** The arguments that are still to be given, the next one first. */
  readonly next: readonly Argument[]
  /** The option whose value comes next. */
  readonly option: Option | undefined
  /** Whether a word that begins with `-` is no option any more. */
  readonly afterDashes: boolean
  /** Values of options by the names of these: `--config`. */
  readonly values: ReadonlyMap<string, string>
}

/** With one of these, the devices are known, and no id is typed. */
const CHOOSE_DEVICES = ['--id', '--label', '--selector']

/** Reads what was typed as commander will, or undefined where it will refuse it. */
export function readTyped(program: Command, words: readonly string[]): Typed | undefined {
  let command = program
  let explained: Command | undefined
  let operands = 0
  let option: Option | undefined
  let afterDashes = false
  const values = new Map<string, string>()
  for (const word of words) {
    const isOption = word.startsWith('-') && word !== '-' && !afterDashes
    if (option !== undefined && !(option.variadic && isOption)) {
      values.set(nameOf(option), word)
      if (!option.variadic) option = undefined
    } else if (isOption && word === '--') {
      option = undefined
      afterDashes = true
    } else if (isOption) {
      const given = readOption(command, word)
      option = given.awaitsValue ? given.option : undefined
      if (given.option !== undefined) values.set(nameOf(given.option), given.value ?? '')
    } else if (commandsBelow(command).length > 0) {
      const below = commandsBelow(command).find((one) => one.name() === word)
      if (below === undefined) return undefined
      if (!command.commands.includes(below)) explained = command
      command = below
    } else operands++
  }
  return { command, explained, next: argumentsAfter(command, operands, values), option, afterDashes, values }
}

/** The commands that may be typed next; `help` is one of them. */
export function commandsBelow(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [] : command.createHelp().visibleCommands(command)
}

/** The option `--name` or `-n` of a command. */
export function optionNamed(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => flag === long || flag === short)
}

interface GivenOption {
  readonly option?: Option | undefined
  readonly value?: string
  readonly awaitsValue: boolean
}

/** What `--name`, `--name=value`, `-n` or `-nVALUE` is. */
function readOption(command: Command, word: string): GivenOption {
  const named = (flag: string): Option | undefined => optionNamed(command, flag)
  const [name = '', ...rest] = word.split('=')
  if (word.startsWith('--') && rest.length > 0)
    return { option: named(name), value: rest.join('='), awaitsValue: false }
  const whole = named(word)
  if (whole !== undefined) return { option: whole, awaitsValue: whole.required }
  const short = word.startsWith('--') ? undefined : named(word.slice(0, 2))
  return short?.required === true ? { option: short, value: word.slice(2), awaitsValue: false } : { awaitsValue: false }
}

function nameOf(option: Option): string {
  return option.long ?? option.flags
}

function argumentsAfter(command: Command, operands: number, values: ReadonlyMap<string, string>): readonly Argument[] {
  const chosen = CHOOSE_DEVICES.some((name) => values.has(name))
  const all = command.registeredArguments.filter((argument) => !chosen || !/^ids?$/.test(argument.name()))
  const last = all.at(-1)
  return operands < all.length || last?.variadic !== true ? all.slice(operands) : [last]
}
