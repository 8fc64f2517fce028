import { type Command, Option } from 'commander'
import { stringify } from 'yaml'
import { z } from '@hono/zod-openapi'
import { strangerText } from '../../../lib/stranger-text.js'
import { problemSchema } from '../../../northbound/http/problem.js'
import { exitWithFailure } from '../../command-failure.js'
import type { CommandIo } from '../../command-io.js'
import { readInput } from '../../read-input.js'
import { table } from '../../table.js'
import { askBridge, type BridgeAnswer } from '../bridge-client.js'
import { bridgeCommand, type BridgeOptions } from '../bridge-command.js'
import { type BridgeLocation, findBridge } from '../find-bridge.js'
import { type FileFault, readImport, type WantedDevice } from './read-import.js'

interface ImportOptions extends BridgeOptions {
  readonly dryRun?: true
  readonly format?: 'csv' | 'yaml'
  readonly stanzas?: true
}

/** Bytes of a call, and devices in it: the bridge takes 64 KiB, and 200. */
const CALL_SIZE = 48 * 1024
const CALL_DEVICES = 200

/** `homeport devices import`: enrols the devices of a file, all of them or none. */
export function importCommand(io: CommandIo): Command {
  return bridgeCommand('import')
    .argument('<file>', 'CSV with a header line, or YAML as under `devices` of the configuration; - is standard input')
    .description('enrol the devices of a file: all of them, or none; it may be repeated')
    .option('--dry-run', 'only say what would become of each')
    .addOption(new Option('--format <format>', 'of the file (default: by its name)').choices(['csv', 'yaml']))
    .option('--stanzas', 'print the devices as entries for the configuration file, and enrol none')
    .action((file: string, options: ImportOptions) => importFile(io, file, options))
}

async function importFile(io: CommandIo, file: string, options: ImportOptions): Promise<void> {
  const input = await readInput(io, file, 'file of devices')
  if (!input.ok) return exitWithFailure(input.problem, io)
  const format = options.format ?? (/\.ya?ml$/i.test(file) ? 'yaml' : 'csv')
  const read = readImport(input.text, format)
  if (!read.ok) return exitWithFaults(io, file, { faults: read.faults, status: 2 })
  if (options.stanzas === true) {
    io.stdout.write(stanzasOf(read.devices))
    return io.exit(0)
  }
  const found = findBridge(io, options)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const outcomes: Outcome[] = []
  // Nothing is enrolled before the bridge has said of every device that it can be.
  for (const dryRun of options.dryRun === true ? [true] : [true, false]) {
    outcomes.length = 0
    for (const devices of callsOf(read.devices)) {
      const answer = await importOf(found.location, devices, dryRun)
      const told = answer.ok ? answerSchema.safeParse(JSON.parse(answer.text)) : undefined
      if (!answer.ok) return exitWithAnswer(io, file, { answer, devices })
      for (const outcome of told?.data?.devices ?? []) outcomes.push(outcome)
    }
  }
  if (options.json === true) io.stdout.write(`${JSON.stringify({ devices: outcomes })}\n`)
  else io.stdout.write(shown(outcomes, options.dryRun === true))
  io.exit(0)
}

const answerSchema = z.object({ devices: z.array(z.object({ id: z.string(), outcome: z.string() })) })

type Outcome = z.output<typeof answerSchema>['devices'][number]

/** The devices by calls, each of a size that the bridge takes. */
function callsOf(devices: readonly WantedDevice[]): readonly (readonly WantedDevice[])[] {
  const calls: WantedDevice[][] = []
  let room = 0
  for (const wanted of devices) {
    const size = Buffer.byteLength(JSON.stringify(wanted.device)) + 1
    const last = calls.at(-1)
    if (last === undefined || last.length === CALL_DEVICES || size > room) {
      calls.push([wanted])
      room = CALL_SIZE - size
    } else {
      last.push(wanted)
      room -= size
    }
  }
  return calls
}

function importOf(location: BridgeLocation, devices: readonly WantedDevice[], dryRun: boolean): Promise<BridgeAnswer> {
  const body = { devices: devices.map(({ device }) => device), 'dry-run': dryRun }
  return askBridge(location, { method: 'POST', path: '/api/v1/devices/import', body })
}

function shown(outcomes: readonly Outcome[], dryRun: boolean): string {
  const changed = outcomes.filter(({ outcome }) => outcome !== 'unchanged')
  const count = (wanted: string): number => outcomes.filter(({ outcome }) => outcome === wanted).length
  const would = dryRun ? 'would be ' : ''
  const sum = `${would}added: ${count('added')}, changed: ${count('changed')}, unchanged: ${count('unchanged')}\n`
  return `${table(changed.map(({ id, outcome }) => [`${would}${outcome}`, id]))}${sum}`
}

/** Entries for `devices` of the configuration file. A dollar would begin a variable there. */
function stanzasOf(devices: readonly WantedDevice[]): string {
  const entries = devices.map(({ device: { vendor: _ofTheStore, ...entry } }) => entry)
  const escaped = JSON.parse(JSON.stringify({ devices: entries }).replaceAll('$', '$$$$')) as object
  return stringify(escaped, { lineWidth: 0 })
}

/** Says what the bridge refused, by the lines of the file. */
function exitWithAnswer(
  io: CommandIo,
  file: string,
  {
    answer,
    devices,
  }: { readonly answer: Extract<BridgeAnswer, { ok: false }>; readonly devices: readonly WantedDevice[] },
): void {
  const problem = answer.text === undefined ? undefined : problemSchema.safeParse(JSON.parse(answer.text)).data
  const faults = (problem?.errors ?? []).flatMap(({ pointer, detail }): readonly FileFault[] => {
    const at = /^#\/devices\/(\d+)/.exec(pointer)?.[1]
    const line = at === undefined ? undefined : devices[Number(at)]?.line
    return line === undefined ? [] : [{ line, fault: detail }]
  })
  if (faults.length > 0) return exitWithFaults(io, file, { faults, status: answer.problem.status })
  exitWithFailure(answer.problem, io)
}

interface Faults {
  readonly faults: readonly FileFault[]
  readonly status: 1 | 2
}

function exitWithFaults(io: CommandIo, file: string, { faults, status }: Faults): void {
  const name = file === '-' ? 'standard input' : file
  exitWithFailure(
    {
      message: `nothing was imported: ${faults.length === 1 ? 'one fault' : `${faults.length} faults`} in ${name}`,
      more: faults.map(({ line, fault }) => strangerText(`${name}:${line}: ${fault}`)),
      status,
    },
    io,
  )
}
