import * as z from 'zod'

/**
 * Names that the operator chooses, and their values: one key stands for all of them. The keys of algorithms are those
 * of `algorithm-sets.NAME`.
 */
const OPEN_ENDED: readonly string[] = [
  'devices[].labels',
  'devices[].algorithms',
  'call-home.ssh.algorithms',
  'endpoint.ssh.legacy.algorithms',
  'traces.headers',
]

/** Every key that a schema knows, as the reference writes it: `devices[].id`, `roles.NAME.api`. */
export function keysOfSchema(schema: z.core.$ZodType, at = ''): readonly string[] {
  if (OPEN_ENDED.includes(at)) return [at]
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([key, value]) =>
      keysOfSchema(value as z.core.$ZodType, at === '' ? key : `${at}.${key}`),
    )
  if (schema instanceof z.ZodPipe) return keysOfSchema(schema.in instanceof z.ZodTransform ? schema.out : schema.in, at)
  if (schema instanceof z.ZodArray) return hasKeys(schema.element) ? keysOfSchema(schema.element, `${at}[]`) : [at]
  if (schema instanceof z.ZodRecord) return keysOfSchema(schema.valueType, `${at}.NAME`)
  if (
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodReadonly
  )
    return keysOfSchema(schema.unwrap(), at)
  return [at]
}

function hasKeys(schema: z.core.$ZodType): boolean {
  return keysOfSchema(schema, 'x').some((key) => key !== 'x')
}

/** The sections that have a key of a name, for each name of a key or section; the top of the file is the empty text. */
export type HomesOfKeys = ReadonlyMap<string, readonly string[]>

/** Where each name of a schema's keys and sections belongs. */
export function homesOfKeys(schema: z.core.$ZodType): HomesOfKeys {
  const homes = new Map<string, string[]>()
  for (const key of keysOfSchema(schema)) {
    const steps = key.split('.')
    for (const [depth, step] of steps.entries()) {
      const name = step.replace('[]', '')
      const home = steps.slice(0, depth).join('.')
      const known = homes.get(name) ?? []
      if (name !== 'NAME' && !known.includes(home)) homes.set(name, [...known, home])
    }
  }
  return homes
}
