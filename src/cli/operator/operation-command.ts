import { Command } from 'commander'
import type { Operation } from '../../operations/define-operation.js'
import type { CommandIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { exitWithFailure } from '../command-failure.js'
import { devicePath, whyUnaddressable } from './bridge-client.js'
import { BRIDGE_HELP, withBridgeChoice } from './bridge-command.js'
import { addArgument, addOption, type GivenValue, parametersOf } from './operation-values.js'
import { type OperationOptions, runOperation } from './run-operation.js'

/**
 * The command of an operation, as its definition has it: the device id, its argument, its options, and those that all
 * commands have.
 */
export function commandOf(io: CommandIo, operation: Operation): Command {
  return describedCommand(operation).action(async (...words: readonly unknown[]) => {
    const { id, options, given } = readWords(operation, words)
    const parameters = await parametersOf(io, given)
    if (parameters === undefined) return
    await send(io, options, {
      id,
      name: operation.name,
      parameters,
      ...(operation.reply === 'schema' ? { accept: '*/*' } : {}),
    })
  })
}

/** A command with the arguments and options of an operation, that does nothing yet. */
export function describedCommand({ name, command: described }: Operation): Command {
  const command = new Command(name).description(described?.description ?? '').argument('<id>', 'device id')
  withOperationOptions(command)
  if (described?.argument !== undefined) addArgument(command, described.argument)
  for (const option of described?.options ?? []) addOption(command, option)
  return command
}

/** What every command has that sends an operation. */
export function withOperationOptions(command: Command): Command {
  return withBridgeChoice(command)
    .option('--json', 'print the reply as JSON')
    .option('--timeout <time>', 'until the device begins to answer, as 30s or 5m')
    .addHelpText('after', helpText(BRIDGE_HELP))
}

/** What was typed: commander calls an action with the arguments in their order, then the options. */
export interface TypedWords {
  readonly id: string
  readonly options: OperationOptions & Readonly<Record<string, unknown>>
  /** The values that become parameters of the operation. */
  readonly given: readonly GivenValue[]
}

export function readWords({ command: described }: Operation, words: readonly unknown[]): TypedWords {
  const { argument, options: traits = [] } = described ?? {}
  const [id] = words as readonly [string]
  const options = words[argument === undefined ? 1 : 2] as TypedWords['options']
  return {
    id,
    options,
    given: [
      ...(argument === undefined ? [] : [{ value: argument, typed: words[1] }]),
      ...traits.map((value) => ({ value, typed: options[attributeOf(value.flags)] })),
    ],
  }
}

/** `--default-operation <word>` is found as `defaultOperation`. */
function attributeOf(flags: string): string {
  return (/--([a-z-]+)/.exec(flags)?.[1] ?? '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** One operation for one device. */
export interface SentOperation {
  readonly id: string
  readonly name: string
  readonly parameters: object
  /** What is asked for besides XML and JSON. */
  readonly accept?: string
}

/** Sends an operation through the bridge, and prints the reply. */
export async function send(
  io: CommandIo,
  options: OperationOptions,
  { id, name, parameters, accept }: SentOperation,
): Promise<void> {
  const unaddressable = whyUnaddressable(id)
  if (unaddressable !== undefined) return exitWithFailure(unaddressable, io)
  await runOperation(io, options, {
    path: `${devicePath(id)}/${name}`,
    contentType: 'application/json',
    body: JSON.stringify(parameters),
    ...(accept === undefined ? {} : { accept }),
  })
}
