import { resolve } from 'node:path'
import { z } from '@hono/zod-openapi'
import { type ConfigFile, findConfigFile } from '../../config/find-config.js'
import { type LoadedConfig, loadConfig } from '../../config/load.js'
import type { Config } from '../../config/schema.js'
import { shellWord } from '../../lib/shell-word.js'
import { bridgeSchema } from '../../northbound/http/routes/bridge.js'
import type { DeviceView } from '../../northbound/http/routes/devices/device.js'
import { deviceListSchema } from '../../northbound/http/routes/devices/list.js'
import type { CommandFailure } from '../command-failure.js'
import type { CommandIo } from '../command-io.js'
import { askBridge, type BridgeAnswer } from '../operator/bridge-client.js'
import { type BridgeChoice, type BridgeLocation, findBridge } from '../operator/find-bridge.js'
import { variablesOf } from './variables-of-process.js'

/** What all checks look at, gathered once. */
export interface Patient {
  readonly io: Pick<CommandIo, 'cwd' | 'env'>
  readonly now: Date
  /** Where the bridge is asked; undefined where even that is not said. */
  readonly location: BridgeLocation | undefined
  /** Options that a command needs which is to reach the same bridge: ` --config FILE`, or empty. */
  readonly sameBridge: string
  /** Its files, ports and processes are those of another machine. */
  readonly elsewhere: boolean
  readonly bridge: AskedBridge
  readonly configuration: FoundConfiguration
}

export type BridgeView = z.infer<typeof bridgeSchema>

/** What the running bridge says, or why it says nothing. */
export type AskedBridge =
  | {
      readonly answers: true
      /** Undefined where the bridge is older than the question. */
      readonly facts: BridgeView | undefined
      /** Parts that are not ready, with why. */
      readonly unready: readonly string[]
      /** Undefined where the caller may not see them. */
      readonly devices: readonly DeviceView[] | undefined
      /** The numbers of its metrics that have no labels, or one, by their whole name. */
      readonly metrics: ReadonlyMap<string, number>
      /** Milliseconds by which its clock is ahead of this one. */
      readonly clockAhead: number | undefined
    }
  | { readonly answers: false; readonly problem: CommandFailure }

/** The configuration of the bridge, as far as it is on this machine. */
export type FoundConfiguration =
  | {
      readonly found: true
      readonly file: ConfigFile
      /** Absolute. */
      readonly path: string
      readonly loaded: LoadedConfig
      /** Whether the variables of the running bridge were seen, so that what is not set is not set there either. */
      readonly seesVariables: boolean
    }
  | { readonly found: false; readonly why: string; readonly hint: string }

/** Milliseconds for all questions to the bridge. */
const ANSWER_TIMEOUT = 4_000

/** Asks the bridge, and reads the configuration that it has, or would have. */
export async function examine(io: Patient['io'], choice: BridgeChoice, now: Date): Promise<Patient> {
  const found = findBridge(io, choice)
  const location = found.ok ? found.location : undefined
  const elsewhere = location?.kind === 'url'
  const bridge: AskedBridge = found.ok ? await askAll(found.location) : { answers: false, problem: found.problem }
  return {
    io,
    now,
    location,
    sameBridge: optionsOf(choice),
    elsewhere,
    bridge,
    configuration: elsewhere ? ELSEWHERE : readConfiguration(io, choice, bridge),
  }
}

function optionsOf({ config, socket }: BridgeChoice): string {
  return [
    config === undefined ? '' : ` --config ${shellWord(config)}`,
    socket === undefined ? '' : ` --socket ${shellWord(socket)}`,
  ].join('')
}

const ELSEWHERE: FoundConfiguration = {
  found: false,
  why: 'the bridge runs elsewhere',
  hint: 'run `homeport doctor` on its machine, without HOMEPORT_URL',
}

/** The file that is found, or else the one that the running bridge has read. */
function readConfiguration(io: Patient['io'], { config }: BridgeChoice, bridge: AskedBridge): FoundConfiguration {
  const search = findConfigFile({ path: config, ...io })
  const ofBridge = bridge.answers ? (bridge.facts?.process?.config ?? undefined) : undefined
  if (!search.ok && ofBridge === undefined)
    return { found: false, why: search.problem.message, hint: search.problem.hint ?? '' }
  const file: ConfigFile = search.ok ? search : { file: ofBridge ?? '' }
  const path = resolve(io.cwd, file.file)
  // The bridge may have secrets from its unit that this command does not.
  const pid = bridge.answers ? bridge.facts?.process?.pid : undefined
  const ofProcess = pid === undefined ? undefined : variablesOf(pid)
  const loaded = loadConfig({ path: file.file, cwd: io.cwd, env: { ...ofProcess, ...io.env } })
  return { found: true, file, path, loaded, seesVariables: ofProcess !== undefined }
}

/** The configuration, where it is one that a bridge would run with. */
export function usableConfig({ configuration }: Pick<Patient, 'configuration'>): Config | undefined {
  return configuration.found && configuration.loaded.ok ? configuration.loaded.config : undefined
}

async function askAll(location: BridgeLocation): Promise<AskedBridge> {
  const get = (path: string): Promise<BridgeAnswer> =>
    askBridge(location, { method: 'GET', path, timeout: ANSWER_TIMEOUT })
  const asked = Date.now()
  let heard = asked
  const [about, ready, devices, metrics] = await Promise.all([
    get('/api/v1/bridge').finally(() => (heard = Date.now())),
    get('/readyz'),
    get('/api/v1/devices'),
    get('/metrics'),
  ])
  // A bridge that refuses to say it, or does not know the question, answers nevertheless.
  if (!about.ok && about.text === undefined) return { answers: false, problem: about.problem }
  const facts = about.ok ? parsed(bridgeSchema, about.text) : undefined
  return {
    answers: true,
    facts,
    unready: ready.ok ? [] : unreadyParts(ready.text),
    devices: devices.ok ? parsed(deviceListSchema, devices.text)?.devices : undefined,
    metrics: metrics.ok ? numbersIn(metrics.text) : new Map(),
    clockAhead: facts === undefined ? undefined : Date.parse(facts.time) - (asked + heard) / 2,
  }
}

function parsed<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

const unreadySchema = z.object({ unready: z.array(z.object({ part: z.string(), message: z.string() })) })

function unreadyParts(text: string | undefined): readonly string[] {
  const parts = text === undefined ? undefined : parsed(unreadySchema, text)?.unready
  return (parts ?? [{ part: 'bridge', message: 'it is not ready' }]).map(({ part, message }) => `${part}: ${message}`)
}

/** Samples of Prometheus' text format, by name and labels as they are written. */
function numbersIn(text: string): ReadonlyMap<string, number> {
  const samples = [...text.matchAll(/^([a-z_]+(?:\{[^}\n]*\})?) (\S+)/gm)]
  return new Map(samples.map(([, name = '', value = '']) => [name, Number(value)]))
}
