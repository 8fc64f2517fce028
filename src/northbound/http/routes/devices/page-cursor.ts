import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { Place } from './select-devices.js'

/**
 * Where a page of a list ends, as clients hand it back: the place of its last device, so that the page after it is the
 * same however many devices come and go meanwhile. It tells by a hash which list it belongs to.
 */
const cursorSchema = z.strictObject({ of: z.string(), key: z.string().max(64), id: z.string().max(1024) })

/** Characters; device ids are bounded. */
const LONGEST_CURSOR = 4096

/** The cursor after a device. `list` is whatever makes the list this one: its filters and its order. */
export function cursorAfter({ key, id }: Place, list: object): string {
  return Buffer.from(JSON.stringify({ of: markOf(list), key, id } satisfies z.output<typeof cursorSchema>)).toString(
    'base64url',
  )
}

export type CursorReading =
  | { readonly ok: true; readonly after: Place }
  | { readonly ok: false; readonly fault: string }

/** Reads what a client gave as a cursor. */
export function readCursor(written: string, list: object): CursorReading {
  const cursor = cursorSchema.safeParse(parsed(written))
  if (!cursor.success) return { ok: false, fault: 'expected the `next` of an earlier answer' }
  const { of, key, id } = cursor.data
  return of === markOf(list)
    ? { ok: true, after: { key, id } }
    : { ok: false, fault: 'belongs to other filters or another order: give those that it came with, or begin anew' }
}

function markOf(list: object): string {
  return createHash('sha256').update(JSON.stringify(list)).digest('base64url').slice(0, 16)
}

function parsed(written: string): unknown {
  if (written.length > LONGEST_CURSOR || !/^[\w-]+$/.test(written)) return undefined
  try {
    return JSON.parse(Buffer.from(written, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
