import { type Command, InvalidArgumentError } from 'commander'
import { strangerText } from '../../lib/stranger-text.js'
import { type CommandFailure, exitWithFailure } from '../command-failure.js'
import type { CommandIo } from '../command-io.js'
import { homeportCommand } from '../../lib/shell-word.js'
import { askBridge, type BridgeRequest, devicePath, whyUnaddressable } from './bridge-client.js'
import { bridgeCommand, type BridgeOptions } from './bridge-command.js'
import { type DeviceFilters, queryOf, withDeviceFilters } from './device-filters.js'
import { type BridgeLocation, findBridge } from './find-bridge.js'
import { askForDevices, readDevice } from './read-devices.js'

type ManyOptions = BridgeOptions & DeviceFilters

/** `homeport devices label`: labels of devices that the configuration file does not have. */
export function labelCommand(io: CommandIo): Command {
  return withDeviceFilters(bridgeCommand('label'))
    .argument('[id]', 'device id; none where filters say which devices')
    .argument('[changes...]', 'name=value to set a label, name- to take one away')
    .description('set and take away labels of devices that the configuration file does not have')
    .action(async (first: string | undefined, others: readonly string[], options: ManyOptions) => {
      const words = first === undefined ? others : [first, ...others]
      const byFilter = queryOf(options).size > 0
      const [ids, changes] = byFilter ? [[], words] : [words.slice(0, 1), words.slice(1)]
      const labels = readChanges(changes)
      if (labels === undefined)
        return exitWithFailure(
          {
            message: changes.length === 0 ? 'no label is given' : 'a label is neither name=value nor name-',
            hint: `as in: ${homeportCommand('devices label', ids[0] ?? 'ID', 'site=tokyo', 'rack-')}`,
            status: 2,
          },
          io,
        )
      return changeEach(io, options, {
        ids,
        request: { method: 'PATCH', body: { labels } },
        done: (id, answer) => `${id}: ${shownLabels(answer)}`,
      })
    })
}

/** `homeport devices disconnect`: ends the links of one or more devices. */
export function disconnectCommand(io: CommandIo): Command {
  return withDeviceFilters(bridgeCommand('disconnect'))
    .argument('[ids...]', 'device ids; or devices by filters')
    .option(
      '--link <number>',
      'of several links of one device this one alone, as `devices show` counts them',
      readNumber,
    )
    .description('end the links of devices, with all sessions on them; they dial again by themselves')
    .action(async (ids: readonly string[], { link, ...options }: ManyOptions & { readonly link?: number }) => {
      if (link !== undefined && ids.length !== 1)
        return exitWithFailure(
          {
            message: '--link is of one device',
            hint: `as in: ${homeportCommand('devices disconnect', 'ID', '--link', String(link))}`,
            status: 2,
          },
          io,
        )
      const one = link === undefined ? '' : `?link=${link}`
      return changeEach(io, options, {
        ids,
        request: { method: 'POST', action: `disconnect${one}` },
        done: (id) => `disconnected: ${id}${link === undefined ? '' : `, link ${link}`}`,
      })
    })
}

function readNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give the number of a link, as `homeport devices show` has it.')
}

interface Change {
  readonly ids: readonly string[]
  readonly request: Omit<BridgeRequest, 'path'> & { readonly action?: string }
  /** What is told of a device once it is done. */
  readonly done: (id: string, answer: unknown) => string
}

/** Asks the same of each device, one after the other, and tells what became of it. */
async function changeEach(io: CommandIo, { json, ...options }: ManyOptions, change: Change): Promise<void> {
  const found = findBridge(io, options)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const chosen = await chosenIds(found.location, change.ids, options)
  if (!chosen.ok) return exitWithFailure(chosen.problem, io)
  const { action, ...request } = change.request
  let status: 0 | 1 | 2 = 0
  for (const id of chosen.ids) {
    const path = action === undefined ? devicePath(id) : `${devicePath(id)}/${action}`
    const answer = await askBridge(found.location, { ...request, path })
    if (answer.ok) {
      const told: unknown = answer.text === '' ? undefined : JSON.parse(answer.text)
      if (json !== true) io.stdout.write(`${change.done(strangerText(id), told)}\n`)
      else if (told !== undefined) io.stdout.write(`${JSON.stringify(told)}\n`)
      continue
    }
    status = answer.problem.status
    if (json === true && answer.text !== undefined) io.stdout.write(`${JSON.stringify(JSON.parse(answer.text))}\n`)
    else exitWithFailure(answer.problem, io)
  }
  io.exit(status)
}

type Chosen =
  | { readonly ok: true; readonly ids: readonly string[] }
  | { readonly ok: false; readonly problem: CommandFailure }

/** The ids that were typed, or those of the devices that the filters leave. */
async function chosenIds(location: BridgeLocation, ids: readonly string[], filters: DeviceFilters): Promise<Chosen> {
  const query = queryOf(filters)
  const refused = (message: string, hint: string, status: 1 | 2 = 2): Chosen => ({
    ok: false,
    problem: { message, hint, status },
  })
  if (ids.length > 0 && query.size > 0) return refused('device ids and filters are given', 'give either of them')
  const unaddressable = ids.map(whyUnaddressable).find((fault) => fault !== undefined)
  if (unaddressable !== undefined) return { ok: false, problem: unaddressable }
  if (ids.length > 0) return { ok: true, ids: [...new Set(ids)] }
  if (query.size === 0) return refused('no device is named', 'give device ids, or filters such as --selector "edge-*"')
  const answer = await askForDevices(location, query)
  if (!answer.ok) return answer
  if (answer.devices.length === 0)
    return refused('no device is like that', 'homeport devices list has those that there are', 1)
  return { ok: true, ids: answer.devices.map((device) => readDevice(device).id) }
}

/** Labels as a merge patch has them; undefined where a word is none. */
function readChanges(words: readonly string[]): Readonly<Record<string, string | null>> | undefined {
  const changes = words.map((word): readonly [string, string | null] | undefined => {
    const equals = word.indexOf('=')
    if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)]
    // oxlint-disable-next-line unicorn/no-null -- a merge patch is JSON
    return equals === -1 && word.length > 1 && word.endsWith('-') ? [word.slice(0, -1), null] : undefined
  })
  const read = changes.filter((change) => change !== undefined)
  return read.length === 0 || read.length < words.length ? undefined : Object.fromEntries(read)
}

function shownLabels(answer: unknown): string {
  const labels = Object.entries(readDevice(answer).labels).map(([name, value]) => `${name}=${value}`)
  return labels.length === 0 ? 'no labels' : strangerText(labels.join(' '))
}
