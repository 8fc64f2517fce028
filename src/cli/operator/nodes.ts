import { Command } from 'commander'
import type { z } from '@hono/zod-openapi'
import { nodeListSchema, type nodeSchema } from '../../northbound/http/routes/nodes/list.js'
import { type CommandIo, processIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { table } from '../table.js'
import { bridgeCommand, BRIDGE_HELP, type BridgeOptions, runOnBridge } from './bridge-command.js'
import { age } from './show-sessions.js'

/** `homeport nodes …`: the bridges that are one together. Asks a running one. */
export function nodesCommand(io: CommandIo = processIo()): Command {
  return new Command('nodes')
    .description('the bridges that are one together, in a cluster')
    .addHelpText('after', helpText(BRIDGE_HELP))
    .addCommand(
      bridgeCommand('list')
        .description('all nodes, as the one that is asked sees them; it comes first')
        .action((options: BridgeOptions) =>
          runOnBridge(io, options, {
            method: 'GET',
            path: '/api/v1/nodes',
            show: (answer) => nodeTable(nodeListSchema.parse(answer).nodes, new Date()),
          }),
        ),
    )
}

/** A table of nodes for people, one a line. */
function nodeTable(nodes: readonly z.infer<typeof nodeSchema>[], now: Date): string {
  if (nodes.length === 0) return 'no nodes: this bridge is alone, without cluster.listen\n'
  return table([
    ['NODE', 'STATE', 'CONNECTION', 'DEVICES', 'SEEN', 'ADDRESS', 'VERSION'],
    ...nodes.map(({ id, state, reached, devices, seen, address, version }) => [
      id,
      state,
      reached ? 'reached' : 'none',
      String(devices),
      `${age(now.getTime() - Date.parse(seen))} ago`,
      address,
      version,
    ]),
  ])
}
