import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CommandOption, CommandValue, ValueReading } from '../../operations/command.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { readInput } from '../read-input.js'

/** A value of a command as it was typed, or left out. */
export interface GivenValue {
  readonly value: CommandValue
  readonly typed: unknown
}

export function addArgument(command: Command, { flags, help = '', as }: CommandValue): void {
  const read = READERS[as]
  if (read === undefined) command.argument(flags, help)
  else command.argument(flags, help, read)
}

export function addOption(
  command: Command,
  { flags, help, as, required = false, default: preset, choices }: CommandOption,
): void {
  const option = new Option(flags, help).makeOptionMandatory(required)
  const read = READERS[as]
  if (read !== undefined) option.argParser(read)
  if (choices !== undefined) option.choices(choices)
  if (preset !== undefined) option.default(preset)
  command.addOption(option)
}

/** How what was typed is read at once; what is not here stays as it was typed. */
const READERS: Readonly<Partial<Record<ValueReading, (text: string, before: unknown) => unknown>>> = {
  boolean: (text) => {
    if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('Write true or false.')
    return text === 'true'
  },
  number: (text) => {
    if (!/^\d{1,10}$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('Give a whole number from 1.')
    return Number(text)
  },
  list: (text, before) => [...((before as readonly string[] | undefined) ?? []), text],
  datastore: (text) => (text.includes('://') ? { url: text } : text),
  xpath: (text) => ({ xpath: text }),
}

type Parameters = Readonly<Record<string, unknown>>

/** The parameters that were given, files read; undefined when a file cannot be and the command has ended. */
export async function parametersOf(io: CommandIo, given: readonly GivenValue[]): Promise<Parameters | undefined> {
  const parameters: Record<string, unknown> = {}
  for (const { value, typed } of given) {
    const { flags, as, parameter } = value
    // An option that names no file is not there; an argument that names none is standard input.
    if (typed === undefined && (as !== 'file' || flags.startsWith('-'))) continue
    if (as !== 'file') {
      parameters[parameter] = typed
      continue
    }
    const input = await readInput(io, typed as string | undefined, parameter)
    if (!input.ok) {
      exitWithFailure(input.problem, io)
      return undefined
    }
    parameters[parameter] = input.text
  }
  return parameters
}
