import { z } from '@hono/zod-openapi'
import { Command } from 'commander'
import { strangerText } from '../../lib/stranger-text.js'
import { sessionSchema } from '../../northbound/http/routes/sessions/session.js'
import { bridgeCommand, BRIDGE_HELP, type BridgeOptions, runOnBridge } from './bridge-command.js'
import { type CommandIo, processIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { exitWithFailure } from '../command-failure.js'
import { sessionTable } from './show-sessions.js'

interface ListOptions extends BridgeOptions {
  readonly device?: string
  readonly user?: string
}

/** As this version's bridge lists them, or one before it, which does not tell of key exchange. */
const anySessions = z.object({ sessions: z.array(sessionSchema.partial({ keyExchange: true, link: true })) })

/** `homeport sessions …`: who works on which device. Asks the running bridge. */
export function sessionsCommand(io: CommandIo = processIo()): Command {
  return new Command('sessions')
    .description('the sessions that clients have on devices through the running bridge')
    .addHelpText('after', helpText(BRIDGE_HELP))
    .addCommand(
      bridgeCommand('list')
        .description('all sessions, the oldest first')
        .option('--device <id>', 'those on this device alone')
        .option('--user <name>', 'those of this user alone')
        .action(({ device, user, ...options }: ListOptions) =>
          runOnBridge(io, options, {
            method: 'GET',
            path: `/api/v1/sessions${query({ device, user })}`,
            show: (answer) => sessionTable(anySessions.parse(answer).sessions, new Date()),
          }),
        ),
    )
    .addCommand(
      bridgeCommand('kill')
        .description('end one session; its client is told')
        .argument('<session>', 'as `homeport sessions list` shows it')
        .action((id: string, options: BridgeOptions) => {
          if (!/^[0-9a-z]+$/.test(id))
            return exitWithFailure({ message: `${JSON.stringify(id)} is no session`, status: 2 }, io)
          return runOnBridge(io, options, {
            method: 'DELETE',
            path: `/api/v1/sessions/${id}`,
            show: () => `killed: ${strangerText(id)}\n`,
          })
        }),
    )
}

function query(wanted: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(wanted).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}
