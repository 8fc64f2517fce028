/** Where the start tag of a document's root is, found on bytes. `end` is behind its `>`. */
export type RootStartTag =
  | { readonly kind: 'found'; readonly start: number; readonly end: number; readonly selfClosing: boolean }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed'; readonly cause: string }

const LESS = 0x3c
const GREATER = 0x3e
const SLASH = 0x2f
const QUOTE = 0x22
const APOSTROPHE = 0x27
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const PROLOG = { open: Buffer.from('<?'), close: Buffer.from('?>') }
const COMMENT = { open: Buffer.from('<!--'), close: Buffer.from('-->') }

const INCOMPLETE: RootStartTag = { kind: 'incomplete' }

/**
 * Skips the prolog and comments; a DOCTYPE is malformed, as NETCONF has none (RFC 6241 §3.2). Looks at the first
 * element from `from` on.
 */
export function findRootStartTag(document: Buffer, from = 0): RootStartTag {
  let at = from
  if (document.subarray(at, at + 3).equals(BYTE_ORDER_MARK)) at += 3
  for (;;) {
    while (isSpace(document[at])) at += 1
    if (at >= document.length) return INCOMPLETE
    if (document[at] !== LESS) return { kind: 'malformed', cause: 'text came where an element was expected' }
    const skipped = [PROLOG, COMMENT].find(({ open }) => startsWith(document, at, open))
    if (skipped === undefined) break
    const close = document.indexOf(skipped.close, at + skipped.open.length)
    if (close === -1) return INCOMPLETE
    at = close + skipped.close.length
  }
  const first = document[at + 1]
  if (first === undefined) return INCOMPLETE
  if (first === 0x21) {
    return COMMENT.open.subarray(0, document.length - at).equals(document.subarray(at, at + COMMENT.open.length))
      ? INCOMPLETE
      : { kind: 'malformed', cause: 'a document type came where an element was expected' }
  }
  if (first === SLASH) return { kind: 'malformed', cause: 'an end tag came where an element was expected' }
  const end = endOfTag(document, at + 1)
  if (end === -1) return INCOMPLETE
  return { kind: 'found', start: at, end, selfClosing: document[end - 2] === SLASH }
}

/** Behind the `>` that is in no attribute's value, or -1. */
function endOfTag(document: Buffer, from: number): number {
  let quote: number | undefined
  for (let at = from; at < document.length; at += 1) {
    const byte = document[at]
    if (quote !== undefined) {
      if (byte === quote) quote = undefined
    } else if (byte === GREATER) return at + 1
    else if (byte === QUOTE || byte === APOSTROPHE) quote = byte
  }
  return -1
}

function startsWith(document: Buffer, at: number, wanted: Buffer): boolean {
  return document.subarray(at, at + wanted.length).equals(wanted)
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
