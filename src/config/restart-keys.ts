import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { type RestartMark, restartMarkOf } from './restart-mark.js'
import { type Config, configSchema } from './schema.js'
import { camelCase } from './section.js'
import type { Environment } from './yaml/environment.js'

/** A key of the configuration that needs a restart. */
export interface RestartKey {
  /** As it is written, such as `endpoint.ssh.port`. */
  readonly key: string
  readonly waits: RestartMark
}

/** All of them, in the order of the schema. */
export function restartKeys(): readonly RestartKey[] {
  return markedKeys(configSchema('/', NO_VARIABLES), [])
}

/** The keys in which a new configuration differs from the running one, and that wait for a restart. */
export function keysThatWait(running: Config, next: Config): readonly string[] {
  return restartKeys()
    .filter((each) => waitsFor(each, running, next))
    .map(({ key }) => key)
}

/** A new configuration as far as it can be applied to a running bridge: with what waits for a restart as it is now. */
export function untilRestart(running: Config, next: Config): Config {
  return restartKeys()
    .filter((each) => waitsFor(each, running, next))
    .map(({ key }) => pathOf(key))
    .reduce((config, path) => withValue(config, path, valueAt(running, path)) as Config, next)
}

const NO_VARIABLES: Environment = { lookup: () => ({ kind: 'unset' }) }

function waitsFor({ key, waits }: RestartKey, running: Config, next: Config): boolean {
  const path = pathOf(key)
  const [before, after] = [valueAt(running, path), valueAt(next, path)]
  return waits === 'presence' ? (before === undefined) !== (after === undefined) : !isDeepStrictEqual(before, after)
}

/** Where a key's value is in what was read, whose keys are in camelCase. */
function pathOf(key: string): readonly string[] {
  return key.split('.').map(camelCase)
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((held, key) => (held as Readonly<Record<string, unknown>> | undefined)?.[key], value)
}

/** A copy with another value at one place; an optional key is absent rather than undefined. */
function withValue(held: object, [key = '', ...rest]: readonly string[], value: unknown): object {
  const { [key]: old, ...others } = held as Readonly<Record<string, unknown>>
  // A section that is not there has no keys to be absent.
  if (rest.length > 0 && old === undefined && value === undefined) return held
  const next = rest.length === 0 ? value : withValue(old ?? {}, rest, value)
  return next === undefined ? others : { ...others, [key]: next }
}

/** Marks stand on keys of sections alone; what is in lists and under names changes with a reload. */
function markedKeys(schema: z.core.$ZodType, at: readonly string[]): readonly RestartKey[] {
  const waits = restartMarkOf(schema)
  if (waits === 'value') return [{ key: at.join('.'), waits }]
  if (waits === 'presence') return [{ key: at.join('.'), waits }, ...keysWithin(schema, at)]
  return keysWithin(schema, at)
}

function keysWithin(schema: z.core.$ZodType, at: readonly string[]): readonly RestartKey[] {
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([key, value]) => markedKeys(value as z.core.$ZodType, [...at, key]))
  if (schema instanceof z.ZodPipe) return markedKeys(schema.in instanceof z.ZodTransform ? schema.out : schema.in, at)
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    return markedKeys(schema.unwrap(), at)
  return []
}
