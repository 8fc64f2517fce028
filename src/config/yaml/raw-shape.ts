/** A mapping of a file whose schema may yet refuse it; empty when it is no mapping. */
export function mappingAt(value: unknown, key: string): Readonly<Record<string, unknown>> {
  const held = fieldOf(value, key)
  return isMapping(held) ? held : {}
}

/** A list of a file whose schema may yet refuse it; empty when it is no list. */
export function listAt(value: unknown, key: string): readonly unknown[] {
  const held = fieldOf(value, key)
  return Array.isArray(held) ? held : []
}

/** A text of a file whose schema may yet refuse it; undefined when it is no text. */
export function textAt(value: unknown, key: string): string | undefined {
  const held = fieldOf(value, key)
  return typeof held === 'string' ? held : undefined
}

/** Whether anything was written at a key. */
export function isWritten(value: unknown, key: string): boolean {
  const held = fieldOf(value, key)
  return held !== undefined && held !== null && !(Array.isArray(held) && held.length === 0)
}

/** What stands at a key; undefined where there is no such key, null where it has no value. */
export function fieldOf(value: unknown, key: string): unknown {
  return isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
