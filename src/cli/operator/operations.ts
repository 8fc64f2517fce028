import { Command, InvalidArgumentError, Option } from 'commander'
import { devicePath, whyUnaddressable } from './bridge-client.js'
import { bridgeHelp } from './bridge-command.js'
import { type CommandIo, processIo } from '../command-io.js'
import { exitWithProblem } from '../command-problem.js'
import { readInput } from '../read-input.js'
import { type OperationOptions, runOperation } from './run-operation.js'

interface FilterOptions extends OperationOptions {
  readonly filter?: string
  readonly xpath?: string
  readonly withDefaults?: string
}

interface EditOptions extends OperationOptions, CommitOptions {
  readonly target?: string
  readonly defaultOperation?: string
  readonly testOption?: string
  readonly errorOption?: string
  readonly commit?: true
}

interface CommitOptions {
  readonly confirmed?: true
  readonly confirmTimeout?: number
  readonly persist?: string
  readonly persistId?: string
}

/** `homeport get`, `get-config`, `edit-config` and so on: one NETCONF operation on one device, through the running bridge. */
export function operationCommands(io: CommandIo = processIo()): readonly Command[] {
  const send = (options: OperationOptions, id: string, operation: string, parameters: object, accept?: string) =>
    sendTo(io, options, id, operation, parameters, accept)
  return [
    withFilter(operationCommand('get', 'configuration and state of a device')).action(
      async (id: string, options: FilterOptions) => {
        const filter = await filterFrom(io, options)
        if (filter !== undefined) await send(options, id, 'get', filter)
      },
    ),
    withFilter(operationCommand('get-config', 'a configuration of a device'))
      .option('--source <datastore>', 'running, candidate or startup', 'running')
      .action(async (id: string, options: FilterOptions & { readonly source: string }) => {
        const filter = await filterFrom(io, options)
        if (filter !== undefined) await send(options, id, 'get-config', { source: options.source, ...filter })
      }),
    withCommit(
      operationCommand('edit-config', 'change a configuration of a device')
        .argument('[file]', 'what goes into <config>, as XML (default: standard input)')
        .option('--target <datastore>', 'candidate, or running')
        .addOption(
          new Option('--default-operation <word>', 'what is done where the edit does not say').choices([
            'merge',
            'replace',
            'none',
          ]),
        )
        .addOption(new Option('--test-option <word>').choices(['test-then-set', 'set', 'test-only']))
        .addOption(
          new Option('--error-option <word>').choices(['stop-on-error', 'continue-on-error', 'rollback-on-error']),
        )
        .option('--commit', 'all in one: lock, edit, validate, commit, unlock; undone when a step fails'),
    ).action(async (id: string, file: string | undefined, options: EditOptions) => {
      if (options.target === undefined && options.commit !== true)
        return exitWithProblem(
          {
            message: 'no target is given',
            hint: 'write --target candidate or --target running, or --commit',
            status: 2,
          },
          io,
        )
      const input = await readInput(io, file, 'configuration')
      if (!input.ok) return exitWithProblem(input.problem, io)
      const edit = {
        config: input.text,
        ...defined({
          'default-operation': options.defaultOperation,
          'test-option': options.testOption,
          'error-option': options.errorOption,
        }),
      }
      return options.commit === true
        ? send({ ...options, json: true }, id, 'transaction', {
            ...defined({ target: options.target }),
            edits: [edit],
            ...commitOf(options),
          })
        : send(options, id, 'edit-config', { target: options.target, ...edit })
    }),
    operationCommand('copy-config', 'replace a whole configuration of a device by another')
      .requiredOption('--source <datastore>', 'a datastore, or a URL where the device has :url', readPlace)
      .requiredOption('--target <datastore>', 'a datastore, or a URL', readPlace)
      .action((id: string, { source, target, ...options }: OperationOptions & Record<'source' | 'target', Place>) =>
        send(options, id, 'copy-config', { source, target }),
      ),
    operationCommand('delete-config', 'delete a configuration of a device')
      .requiredOption('--target <datastore>', 'startup, or a URL', readPlace)
      .action((id: string, { target, ...options }: OperationOptions & { readonly target: Place }) =>
        send(options, id, 'delete-config', { target }),
      ),
    operationCommand('validate', 'let a device check a configuration')
      .option('--source <datastore>', 'candidate, running, startup, or a URL', readPlace, 'candidate')
      .action((id: string, { source, ...options }: OperationOptions & { readonly source: Place }) =>
        send(options, id, 'validate', { source }),
      ),
    withCommit(operationCommand('commit', 'make the candidate configuration of a device the running one'))
      .option('--persist-id <name>', 'of the confirmed commit that this one confirms')
      .action((id: string, options: OperationOptions & CommitOptions) =>
        send(options, id, 'commit', commitOf(options).commit ?? {}),
      ),
    operationCommand('discard-changes', 'make the candidate configuration of a device equal to the running one').action(
      (id: string, options: OperationOptions) => send(options, id, 'discard-changes', {}),
    ),
    operationCommand('kill-session', 'end another NETCONF session on a device')
      .argument('<session-id>', 'as the device numbers it', readSessionId)
      .action((id: string, sessionId: number, options: OperationOptions) =>
        send(options, id, 'kill-session', { 'session-id': sessionId }),
      ),
    operationCommand('get-schema', 'the text of a YANG module of a device')
      .argument('<name>', 'of the module')
      .option('--revision <date>')
      .action((id: string, name: string, { revision, ...options }: OperationOptions & { readonly revision?: string }) =>
        send(options, id, 'get-schema', { identifier: name, ...defined({ version: revision }) }, '*/*'),
      ),
  ]
}

/** A command on one device. */
export function operationCommand(name: string, description: string): Command {
  return withOperationOptions(new Command(name).description(description).argument('<id>', 'device id'))
}

/** What every command has that sends an operation. */
export function withOperationOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file of the bridge (default: config/homeport.yaml, else built-in)')
    .option('--json', 'print the reply as JSON')
    .option('--timeout <time>', 'until the device begins to answer, as 30s or 5m')
    .addHelpText('after', bridgeHelp)
}

function withFilter(command: Command): Command {
  return command
    .option('--filter <file>', 'subtree that is wanted, as XML in a file; - for standard input')
    .option('--xpath <expression>', 'what is wanted, where the device has :xpath')
    .addOption(
      new Option('--with-defaults <mode>', 'RFC 6243').choices(['report-all', 'report-all-tagged', 'trim', 'explicit']),
    )
}

function withCommit(command: Command): Command {
  return command
    .option('--confirmed', 'roll back unless another commit confirms it in time')
    .option('--confirm-timeout <seconds>', 'that time', readSeconds)
    .option('--persist <name>', 'a name, by which another session may confirm it')
}

/** The parameters of a filter; undefined when there is none and the command has ended. */
async function filterFrom(io: CommandIo, options: FilterOptions): Promise<object | undefined> {
  const defaults = defined({ 'with-defaults': options.withDefaults })
  if (options.xpath !== undefined) return { filter: { xpath: options.xpath }, ...defaults }
  if (options.filter === undefined) return defaults
  const input = await readInput(io, options.filter, 'filter')
  if (input.ok) return { filter: input.text, ...defaults }
  exitWithProblem(input.problem, io)
  return undefined
}

function commitOf({ confirmed, confirmTimeout, persist, persistId }: CommitOptions): { readonly commit?: object } {
  const commit = defined({
    confirmed,
    'confirm-timeout': confirmTimeout,
    persist,
    'persist-id': persistId,
  })
  return Object.keys(commit).length === 0 ? {} : { commit }
}

async function sendTo(
  io: CommandIo,
  options: OperationOptions,
  id: string,
  operation: string,
  parameters: object,
  accept?: string,
): Promise<void> {
  const unaddressable = whyUnaddressable(id)
  if (unaddressable !== undefined) return exitWithProblem(unaddressable, io)
  await runOperation(io, options, {
    path: `${devicePath(id)}/${operation}`,
    contentType: 'application/json',
    body: JSON.stringify(parameters),
    ...(accept === undefined ? {} : { accept }),
  })
}

type Place = string | { readonly url: string }

function readPlace(text: string): Place {
  return text.includes('://') ? { url: text } : text
}

function readSeconds(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) >= 1) return Number(text)
  throw new InvalidArgumentError('Give a whole number of seconds.')
}

function readSessionId(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give the number that the device has for the session.')
}

/** Without what is undefined. */
function defined(parameters: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined))
}
