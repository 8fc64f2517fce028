import { type Command, InvalidArgumentError } from 'commander'
import { LINK_STATES } from '../../fleet/link-state.js'

/** What was typed to say which devices are meant. */
export interface DeviceFilters {
  readonly attached?: true
  readonly refused?: true
  readonly pending?: true
  readonly away?: true
  readonly never?: true
  readonly standing?: string
  readonly label?: readonly string[]
  readonly selector?: readonly string[]
  readonly search?: string
}

/** Gives a command the options that choose devices: they have to fulfil all that is given. */
export function withDeviceFilters(command: Command): Command {
  return command
    .option('--attached', 'devices that have a link')
    .option('--refused', 'devices whose last call was refused')
    .option('--pending', 'devices that wait for an operator')
    .option('--away', 'devices that were here and are not')
    .option('--never', 'devices that have never called')
    .option('--standing <words>', 'configured, approved, pending, rejected; several by commas')
    .option('--label <name=value>', 'devices with this label; may be given several times', collect)
    .option(
      '--selector <selector>',
      'devices that this selects, as in roles: edge-*, site=tok*; any of several',
      collect,
    )
    .option('--search <text>', 'devices with this in their id, a label or an address')
}

/** What a bridge is asked for. */
export function queryOf(filters: DeviceFilters): URLSearchParams {
  const { standing, label = [], selector = [], search } = filters
  const links = LINK_STATES.filter((state) => filters[state] === true)
  const wanted: [string, string][] = [
    ...optionalPair('link', links.length === 0 ? undefined : links.join(',')),
    ...optionalPair('standing', standing),
    ...label.map((each): [string, string] => ['label', each]),
    ...selector.map((each): [string, string] => ['selector', each]),
    ...optionalPair('q', search),
  ]
  return new URLSearchParams(wanted)
}

/** A parameter of a query, where it has a value. */
export function optionalPair(name: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[name, value]]
}

function collect(given: string, before: readonly string[] = []): readonly string[] {
  if (given === '') throw new InvalidArgumentError('It is empty.')
  return [...before, given]
}
