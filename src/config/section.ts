import * as z from 'zod'
import type { ParseResult } from './parse-result.js'

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name

/** An object whose kebab-case keys became camelCase, readonly; an optional key is absent rather than undefined. */
export type CamelKeys<T> = {
  readonly [Key in keyof T as Key extends string ? CamelCase<Key> : never]: Exclude<T[Key], undefined>
}

/**
 * A mapping with exactly these keys, written in kebab-case, read in camelCase; nothing written is the empty mapping.
 */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  // zod reports all unknown keys as one issue with one message: it carries the known names to where problems are made.
  const known = Object.keys(shape).join(' ')
  const object = z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? known : `expected keys and values, found ${kindOf(issue.input)}`,
  })
  return z.preprocess((value) => value ?? {}, object).transform(camelKeys)
}

/** A list of such items; nothing written is the empty list. */
export function list<Item extends z.ZodType>(item: Item) {
  const items = z.array(item, {
    error: (issue) => `expected a list such as [a, b], found ${kindOf(issue.input)}`,
  })
  return z.preprocess((value) => value ?? [], items.readonly()).prefault([])
}

/** A mapping from names that the operator chose to such items, as a Map, because a name may be any word. */
export function named<Item extends z.ZodType>(item: Item, whenAbsent: Readonly<Record<string, unknown>> = {}) {
  const items = z.record(z.string(), item, {
    error: (issue) => `expected names and what they stand for, found ${kindOf(issue.input)}`,
  })
  return z
    .preprocess((value) => value ?? whenAbsent, items)
    .transform((record): ReadonlyMap<string, z.output<Item>> => new Map(Object.entries(record)))
    .prefault(whenAbsent)
}

/** A single value. `read` never puts the text into its message: it may be a secret. */
export function scalar<T>(read: (text: string) => ParseResult<T>) {
  return z.unknown().transform((input, context): T => {
    const reading = readInput(input, read)
    if (reading.ok) return reading.value
    context.addIssue({ code: 'custom', message: reading.message, params: { hint: reading.hint } })
    return z.NEVER
  })
}

function readInput<T>(input: unknown, read: (text: string) => ParseResult<T>): ParseResult<T> {
  if (typeof input === 'string') return read(input)
  if (input === undefined) return { ok: false, message: 'is missing' }
  if (input === null) return { ok: false, message: 'has no value', hint: 'write one, or remove the key' }
  return { ok: false, message: `expected a single value, found ${kindOf(input)}` }
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object' && input !== null) return 'keys and values'
  return input === null || input === undefined ? 'nothing' : 'a single value'
}

function camelKeys<T extends object>(value: T): CamelKeys<T> {
  const pairs = Object.entries(value).filter(([, held]) => held !== undefined)
  // The type does to the keys what this line does.
  return Object.fromEntries(pairs.map(([key, held]) => [camelCase(key), held])) as CamelKeys<T>
}

/** `max-sessions` as it is read: `maxSessions`. */
export function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
