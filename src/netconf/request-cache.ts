import { LRUCache } from 'lru-cache'

/**
 * What was found out about whole requests, for those that come again: a client that polls sends the same request with
 * another message-id, and reading it strictly takes most of the time that rules cost. Only bytes that differ in nothing
 * else are the same request.
 */
export interface RequestCache<T> {
  readonly find: (request: Buffer) => T | undefined
  /**
   * Keeps what was found out about a request that was read whole and is well-formed, if its message-id can be told from
   * everything else.
   */
  readonly remember: (request: Buffer, found: T) => void
}

/** Bytes of a request that may be known; larger ones are edits, which seldom come again. */
const MAX_REQUEST = 2048

/** Bytes up to the message-id's value; clients write it first or second. */
const MAX_BEFORE = 512

/**
 * All that may stand before the value: an XML declaration, and the beginning of the root's start tag with other
 * attributes, each of them whole. So what follows is the value of the attribute `message-id` of the root, whatever it
 * is, and never a namespace or a comment.
 */
const BEFORE =
  /^[ \t\r\n]*(?:<\?xml[^<>]{0,100}\?>[ \t\r\n]*)?<[\w.:-]+(?:[ \t\r\n]+[\w.:-]+="[^"<]*")*[ \t\r\n]+message-id="$/

const MESSAGE_ID = ' message-id="'

/** @param max requests that are kept; the one that came longest ago makes room */
export function createRequestCache<T>(max = 256): RequestCache<T> {
  const known = new LRUCache<string, { readonly found: T }>({ max })

  return {
    find: (request) => {
      const parts = partsOf(request)
      return parts === undefined ? undefined : known.get(parts.before + parts.after)?.found
    },
    remember: (request, found) => {
      const parts = partsOf(request)
      if (parts === undefined || !BEFORE.test(parts.before)) return
      known.set(parts.before + parts.after, { found })
    },
  }
}

/**
 * A request around the value of its first message-id, of which it is certain that it is one value, whatever it holds:
 * no quote, no reference, no tag.
 */
function partsOf(request: Buffer): { readonly before: string; readonly after: string } | undefined {
  if (request.length > MAX_REQUEST) return undefined
  const text = request.toString('latin1')
  const at = text.indexOf(MESSAGE_ID)
  const start = at + MESSAGE_ID.length
  if (at === -1 || start > MAX_BEFORE) return undefined
  let end = start
  while (isPlain(text.charCodeAt(end))) end += 1
  // Where the value ends is part of what is compared: the quote that has to follow stands first in it.
  return end === start || end - start > 128 ? undefined : { before: text.slice(0, start), after: text.slice(end) }
}

/** Letters, digits, `-`, `.`, `:` and `_` of ASCII; what clients make message-ids of. */
function isPlain(unit: number): boolean {
  return (
    (unit >= 0x61 && unit <= 0x7a) ||
    (unit >= 0x41 && unit <= 0x5a) ||
    (unit >= 0x2d && unit <= 0x3a && unit !== 0x2f) ||
    unit === 0x5f
  )
}
