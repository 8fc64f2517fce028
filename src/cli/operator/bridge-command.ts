import { Command } from 'commander'
import { askBridge, type BridgeRequest } from './bridge-client.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { type BridgeChoice, findBridge } from './find-bridge.js'

export interface BridgeOptions extends BridgeChoice {
  readonly json?: true
}

/** A command that talks to a running bridge. */
export function bridgeCommand(name: string): Command {
  return withBridgeChoice(new Command(name)).option('--json', 'print what the bridge answers, as JSON')
}

/** What says which bridge a command is for. */
export function withBridgeChoice(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file of the bridge, which says where its data-dir is')
    .option('--socket <path>', 'socket of the bridge (default: $HOMEPORT_SOCKET)')
}

export const BRIDGE_HELP = `
${[
  'The bridge is asked over HTTP where HOMEPORT_URL says so, with HOMEPORT_TOKEN and, for a certificate of a CA of',
  'your own, HOMEPORT_CA_FILE; else over a socket of this host: --socket, HOMEPORT_SOCKET, that in the data-dir of',
  '--config or HOMEPORT_CONFIG, /run/homeport/homeport.sock of the service, or that in the data-dir of the',
  'configuration found here. Its user and group may open it.',
].join(' ')}
Exit status: 0 done, 1 failed, 2 wrong usage or configuration.`

/** What is asked of the bridge, and its answer for people. */
export interface BridgeCall extends BridgeRequest {
  readonly show: (answer: unknown) => string
}

/** Asks the bridge, and prints what it answers: as `show` shows it, or as JSON. */
export async function runOnBridge(
  io: CommandIo,
  { json, ...choice }: BridgeOptions,
  { show, ...request }: BridgeCall,
): Promise<void> {
  const found = findBridge(io, choice)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const answer = await askBridge(found.location, request)
  if (!answer.ok && (json !== true || answer.text === undefined)) return exitWithFailure(answer.problem, io)
  const shown = shownOrUndefined(answer.text ?? '', json === true ? asItIs : show)
  if (shown === undefined)
    return exitWithFailure(
      {
        message: 'the bridge answers what this command does not understand',
        hint: 'are the command and the bridge of one version, and is it a bridge that answers there?',
        status: 1,
      },
      io,
    )
  io.stdout.write(shown)
  io.exit(answer.ok ? 0 : answer.problem.status)
}

/** The answer for programs, on a line of its own. */
const asItIs = (answer: unknown): string => (answer === undefined ? '' : `${JSON.stringify(answer)}\n`)

function shownOrUndefined(text: string, show: (answer: unknown) => string): string | undefined {
  try {
    return show(text === '' ? undefined : JSON.parse(text))
  } catch {
    return undefined
  }
}
