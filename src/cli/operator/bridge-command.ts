import { Command } from 'commander'
import { askBridge, type BridgeRequest } from './bridge-client.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { findBridge } from './find-bridge.js'

export interface BridgeOptions {
  readonly config?: string
  readonly json?: true
}

/** A command that talks to a running bridge. */
export function bridgeCommand(name: string): Command {
  return new Command(name)
    .option('-c, --config <file>', 'configuration file of the bridge (default: config/homeport.yaml, else built-in)')
    .option('--json', 'print what the bridge answers, as JSON')
}

export const BRIDGE_HELP = `
The bridge is asked over the socket in its data-dir, which only its user may open; from elsewhere, over HTTP with
HOMEPORT_URL, HOMEPORT_TOKEN and, for a certificate of a CA of your own, HOMEPORT_CA_FILE.
Exit status: 0 done, 1 failed, 2 wrong usage or configuration.`

/** What is asked of the bridge, and its answer for people. */
export interface BridgeCall extends BridgeRequest {
  readonly show: (answer: unknown) => string
}

/** Asks the bridge, and prints what it answers: as `show` shows it, or as JSON. */
export async function runOnBridge(
  io: CommandIo,
  { config, json }: BridgeOptions,
  { show, ...request }: BridgeCall,
): Promise<void> {
  const found = findBridge(io, config)
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
