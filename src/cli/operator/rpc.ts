import { Command, InvalidArgumentError } from 'commander'
import { type CommandIo, processIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { readInput } from '../read-input.js'
import { devicePath } from './bridge-client.js'
import { withOperationOptions } from './operation-command.js'
import { runOnMany } from './run-on-many.js'
import { type OperationOptions, runOperation } from './run-operation.js'

interface RpcOptions extends OperationOptions {
  readonly selector?: readonly string[]
  readonly id?: readonly string[]
  readonly label?: Readonly<Record<string, string>>
  readonly concurrency?: number
  readonly operation?: string
}

/** `homeport rpc ID [FILE]`, or on many devices `homeport rpc --selector site=tokyo [FILE]`. */
export function rpcCommand(io: CommandIo = processIo()): Command {
  return withOperationOptions(
    new Command('rpc')
      .description('one RPC on a device, or on many; the reply on standard output')
      .argument('[id]', 'device id; none where --selector, --id or --label say which devices')
      .argument('[file]', 'one operation or a whole <rpc>, as XML or JSON (default, and -: standard input)')
      .option('-e, --operation <xml>', "the operation itself, as '<get/>'")
      .option('--selector <selector>', 'devices by glob or label=value; may be repeated', collected)
      .option('--id <id>', 'a device by its id; may be repeated', collected)
      .option('--label <name=value>', 'devices with all of these labels; may be repeated', labelled)
      .option('--concurrency <n>', 'devices that are asked at once (default: 16)', readCount),
  ).action((first: string | undefined, second: string | undefined, options: RpcOptions) =>
    options.selector === undefined && options.id === undefined && options.label === undefined
      ? onOne(io, [first, second], options)
      : onMany(io, [first, second], options),
  )
}

/** What was typed besides the options. */
type Typed = readonly [first: string | undefined, second: string | undefined]

async function onOne(io: CommandIo, [id, file]: Typed, options: RpcOptions): Promise<void> {
  if (id === undefined || ['', '.', '..'].includes(id))
    return exitWithFailure(
      { message: 'no device is named', hint: 'homeport rpc ID [FILE], or --selector for many', status: 2 },
      io,
    )
  const operation = await operationFrom(io, file, options)
  if (operation === undefined) return
  await runOperation(io, options, {
    path: `${devicePath(id)}/rpc`,
    contentType: operation.trimStart().startsWith('{') ? 'application/json' : 'application/xml',
    body: operation,
  })
}

async function onMany(io: CommandIo, [file, surplus]: Typed, options: RpcOptions): Promise<void> {
  if (surplus !== undefined)
    return exitWithFailure(
      { message: 'a device id stands beside --selector, --id or --label', hint: 'write it as --id ID', status: 2 },
      io,
    )
  const operation = await operationFrom(io, file, options)
  if (operation === undefined) return
  const rpc = asJson(operation)
  if (rpc === undefined)
    return exitWithFailure({ message: 'the operation is no JSON', hint: 'check its syntax', status: 2 }, io)
  const { selector, id, label, concurrency } = options
  await runOnMany(io, options, {
    rpc,
    ...(selector === undefined ? {} : { selectors: selector }),
    ...(id === undefined ? {} : { ids: id }),
    ...(label === undefined ? {} : { labels: label }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(options.json === true ? { format: 'json' } : {}),
  })
}

/** XML as it is, JSON read; undefined for what looks like JSON and is none. */
function asJson(operation: string): string | object | undefined {
  if (!operation.trimStart().startsWith('{')) return operation
  try {
    return JSON.parse(operation) as object
  } catch {
    return undefined
  }
}

/** The operation; undefined when there is none and the command has ended. */
async function operationFrom(
  io: CommandIo,
  file: string | undefined,
  { operation }: RpcOptions,
): Promise<string | undefined> {
  if (operation !== undefined) return operation
  const input = await readInput(io, file, 'operation')
  if (input.ok) return input.text
  exitWithFailure(input.problem, io)
  return undefined
}

function collected(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

function labelled(text: string, before: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('Give a label as name=value.')
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}

function readCount(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= 256) return count
  throw new InvalidArgumentError('Give a whole number from 1 to 256.')
}
