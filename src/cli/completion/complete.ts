import type { Argument, Command, Option } from 'commander'
import { completedBy, type Source } from './completed-by.js'
import { commandsBelow, optionNamed, readTyped, type Typed } from './read-typed.js'

/** A word that may stand next. */
export interface Candidate {
  readonly word: string
  /** What it means, for shells that show it. */
  readonly meaning: string
}

/** What may stand where somebody types. */
export interface Completion {
  readonly candidates: readonly Candidate[]
  /** What is to be looked up besides; each word of it follows `before`. */
  readonly source?: Source
  /** What stands before a value in the same word: `--config=`. */
  readonly before?: string
  readonly typed?: Typed
}

const NOTHING: Completion = { candidates: [] }

/** What may stand in the place of a word that was begun, after other words. */
export function complete(program: Command, before: readonly string[], begun: string): Completion {
  const typed = readTyped(program, before)
  if (typed === undefined) return NOTHING
  const { command, explained, next, option, afterDashes } = typed
  const isOption = begun.startsWith('-') && !afterDashes
  const written = isOption ? /^(--[^=]+)=/.exec(begun) : undefined
  if (option !== undefined && !(option.variadic && isOption)) return valuesOf(option, typed)
  if (written !== undefined && written !== null) {
    const given = optionNamed(command, written[1] ?? '')
    return given === undefined ? NOTHING : valuesOf(given, typed, written[0])
  }
  if (isOption) return { candidates: optionsOf(command) }
  const below = commandsBelow(command)
  if (below.length > 0) return { candidates: below.map(named) }
  const [argument] = next
  if (explained !== undefined) return argument === undefined ? NOTHING : { candidates: explained.commands.map(named) }
  return argument === undefined ? NOTHING : valuesOf(argument, typed)
}

function optionsOf(command: Command): readonly Candidate[] {
  const options = command.createHelp().visibleOptions(command)
  return options.map(({ long, short, description }) => ({ word: long ?? short ?? '', meaning: description }))
}

function named(command: Command): Candidate {
  return { word: command.name(), meaning: command.description() }
}

function valuesOf(value: Argument | Option, typed: Typed, before = ''): Completion {
  const by = completedBy(value)
  if (by === undefined) return NOTHING
  if (typeof by !== 'string') return { candidates: by.map((word) => ({ word: before + word, meaning: '' })), before }
  return { candidates: [], source: by, before, typed }
}
