import { Command, InvalidArgumentError, Option } from 'commander'
import { SCOPES } from '../../access/authz/scope.js'
import { strangerText } from '../../lib/stranger-text.js'
import { createdTokenSchema } from '../../northbound/http/routes/tokens/create.js'
import { tokenListSchema } from '../../northbound/http/routes/tokens/list.js'
import type { TokenView } from '../../northbound/http/routes/tokens/token.js'
import { bridgeCommand, BRIDGE_HELP, type BridgeOptions, runOnBridge } from './bridge-command.js'
import { type CommandIo, processIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { exitWithFailure } from '../command-failure.js'
import { shortTime, table } from '../table.js'

interface CreateOptions extends BridgeOptions {
  readonly user: string
  readonly expires?: number
  readonly scope?: readonly string[]
  readonly devices?: readonly string[]
  readonly description?: string
}

/** `homeport token …`: what programs authenticate with at the HTTP API. Asks the running bridge. */
export function tokenCommand(io: CommandIo = processIo()): Command {
  return new Command('token')
    .description('tokens of the HTTP API')
    .addHelpText('after', helpText(BRIDGE_HELP))
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(revokeCommand(io))
}

function createCommand(io: CommandIo): Command {
  return bridgeCommand('create')
    .description('make a token that acts as a user; prints it alone, once')
    .requiredOption('--user <name>', 'whose rights it gives')
    .option(
      '--expires <duration>',
      'how long it is good for, such as 12h or 30d; default: until it is revoked',
      lifetime,
    )
    .addOption(
      new Option('--scope <scope...>', 'what it leaves of the scopes of the user; default: all').choices(SCOPES),
    )
    .option('--devices <selector...>', 'what it leaves of the devices of the user, as in roles; default: all')
    .option('--description <text>', 'what it is for')
    .action(({ user, expires, scope, devices, description, ...options }: CreateOptions) =>
      runOnBridge(io, options, {
        method: 'POST',
        path: '/api/v1/tokens',
        body: {
          user,
          ...(expires === undefined ? {} : { expiresIn: expires }),
          ...(scope === undefined ? {} : { scopes: scope }),
          ...(devices === undefined ? {} : { devices }),
          ...(description === undefined ? {} : { description }),
        },
        show: (answer) => `${createdTokenSchema.parse(answer).token}\n`,
      }),
    )
}

function listCommand(io: CommandIo): Command {
  return bridgeCommand('list')
    .description('all tokens, the oldest first, also those that ended lately')
    .action((options: BridgeOptions) =>
      runOnBridge(io, options, {
        method: 'GET',
        path: '/api/v1/tokens',
        show: (answer) => tokenTable(tokenListSchema.parse(answer).tokens),
      }),
    )
}

function revokeCommand(io: CommandIo): Command {
  return bridgeCommand('revoke')
    .description('refuse a token from now on')
    .argument('<token-id>', 'what stands between hp_ and the next _ of the token, as `homeport token list` shows it')
    .action((id: string, options: BridgeOptions) => {
      // Nobody shall put a whole token into a URL, where logs would hold it.
      if (!/^[0-9a-z]{12}$/.test(id))
        return exitWithFailure(
          { message: 'that is no id of a token', hint: '`homeport token list` shows them', status: 2 },
          io,
        )
      return runOnBridge(io, options, {
        method: 'DELETE',
        path: `/api/v1/tokens/${id}`,
        show: () => `revoked: ${strangerText(id)}\n`,
      })
    })
}

function tokenTable(tokens: readonly TokenView[]): string {
  if (tokens.length === 0) return 'no tokens\n'
  return table([
    ['ID', 'USER', 'STATE', 'SCOPES', 'DEVICES', 'EXPIRES', 'LAST USED', 'DESCRIPTION'],
    ...tokens.map(({ id, user, state, scopes, devices, expiresAt, lastUsedAt, description }) => [
      id,
      user,
      state,
      scopes?.join(',') ?? 'all',
      devices?.join(',') ?? 'all',
      expiresAt === null ? 'never' : shortTime(expiresAt),
      lastUsedAt === null ? 'never' : shortTime(lastUsedAt),
      description ?? '',
    ]),
  ])
}

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** A whole number and a unit, in seconds. */
function lifetime(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const value = Number(count) * (seconds[unit] ?? Number.NaN)
  if (!(value >= 1)) throw new InvalidArgumentError('expected a whole number and one of s, m, h, d, such as 30d.')
  return value
}
