import * as z from 'zod'

/**
 * What of a key holds from the next start on only: its value; or whether it is there at all, while another value of it
 * holds at once.
 */
export type RestartMark = 'value' | 'presence'

const marks = z.registry<{ readonly waits: RestartMark }>()

/** Marks a key of the schema as one that needs a restart; every other one changes with a reload. */
export function atNextStart<Schema extends z.ZodType>(schema: Schema, waits: RestartMark = 'value'): Schema {
  marks.add(schema, { waits })
  return schema
}

/** The mark of a key, or undefined where a reload changes it. */
export function restartMarkOf(schema: z.core.$ZodType): RestartMark | undefined {
  return marks.get(schema)?.waits
}
