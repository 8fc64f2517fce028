import { z } from '@hono/zod-openapi'
import { faultOfLabelName, faultOfLabelValue, MAX_LABELS } from '../../../../fleet/enrolment/labels.js'

/** Labels as JSON gives them: `null` takes one away, where that is allowed. */
type Entries<Value> = readonly (readonly [name: string, value: Value])[]

/** Labels as a body of JSON has them. */
export const labelsSchema = z
  .unknown()
  .transform((input, context): Readonly<Record<string, string>> => {
    const entries = readEntries(input, context, (value): value is string => typeof value === 'string')
    return entries === undefined ? z.NEVER : Object.fromEntries(entries)
  })
  .openapi({
    type: 'object',
    additionalProperties: { type: 'string', minLength: 1, maxLength: 255 },
    maxProperties: MAX_LABELS,
    example: { site: 'tokyo', rack: '7' },
  })

/** Changes of labels as a merge patch has them (RFC 7396): `null` takes one away. */
export const labelChangesSchema = z
  .unknown()
  .transform((input, context): ReadonlyMap<string, string | undefined> => {
    const isChange = (value: unknown): value is string | null => typeof value === 'string' || value === null
    const entries = readEntries(input, context, isChange)
    return entries === undefined ? z.NEVER : new Map(entries.map(([name, value]) => [name, value ?? undefined]))
  })
  .openapi({
    type: 'object',
    additionalProperties: { type: ['string', 'null'], minLength: 1, maxLength: 255 },
    maxProperties: MAX_LABELS,
    example: { site: 'tokyo', rack: null },
  })

/**
 * Looks at labels as they came: a record of the library's would leave out a name such as `__proto__` without a word.
 * Undefined where something is at fault, which the context is told.
 */
function readEntries<Value extends string | null>(
  input: unknown,
  context: { readonly addIssue: (issue: { code: 'custom'; message: string; path?: PropertyKey[] }) => void },
  isValue: (value: unknown) => value is Value,
): Entries<Value> | undefined {
  const faults: { readonly name?: string; readonly message: string }[] = []
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  if (!isObject) faults.push({ message: 'expected labels by name' })
  const given = isObject ? Object.entries(input) : []
  if (given.length > MAX_LABELS) faults.push({ message: `more than ${MAX_LABELS} labels` })
  const entries = given.slice(0, MAX_LABELS).flatMap(([name, value]): Entries<Value> => {
    const message = isValue(value) ? faultOf(name, value) : 'expected a string'
    if (message !== undefined) faults.push({ name, message })
    return isValue(value) ? [[name, value]] : []
  })
  for (const { name, message } of faults)
    context.addIssue({ code: 'custom', message, ...(name === undefined ? {} : { path: [name] }) })
  return faults.length === 0 ? entries : undefined
}

function faultOf(name: string, value: string | null): string | undefined {
  const inName = faultOfLabelName(name)
  if (inName !== undefined) return `a label's name ${inName}`
  const inValue = value === null ? undefined : faultOfLabelValue(value)
  return inValue === undefined ? undefined : `a label's value ${inValue}`
}
