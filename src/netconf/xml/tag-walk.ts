/** A tag met on a walk. */
export interface Tag {
  readonly kind: 'open' | 'empty' | 'close'
  /** Prefix of its name, '' for none. */
  readonly prefix: string
  /** Local name. */
  readonly name: string
  /** Elements that are open around it: 0 for the root. */
  readonly depth: number
  /** Where it begins, and where what follows it does. */
  readonly start: number
  readonly end: number
}

/** What the elements around a tag declare, asked for while it is visited. */
export interface TagScope {
  /** Namespace URI of a prefix ('' for the default namespace), '' where none is declared. */
  readonly namespace: (prefix: string) => string
  /** An attribute of the tag itself, without a prefix. */
  readonly attribute: (name: string) => string | undefined
  /** Local name of the element that is open at this depth. */
  readonly ancestor: (depth: number) => string | undefined
}

/**
 * Visits the tags of the beginning of a document, as far as it is there, until `visit` answers false. For a look in
 * passing at what somebody else parses: nothing is checked, nothing thrown, and comments, CDATA and processing
 * instructions are passed over.
 */
export function walkTags(text: string, visit: (tag: Tag, scope: TagScope) => boolean): void {
  const open: { readonly name: string; readonly attributes: string }[] = []
  let attributes = ''
  const scope: TagScope = {
    namespace: (prefix) => {
      const declared = declarationOf(attributes, prefix)
      if (declared !== undefined) return declared
      for (let depth = open.length - 1; depth >= 0; depth -= 1) {
        const outer = declarationOf(open[depth]?.attributes ?? '', prefix)
        if (outer !== undefined) return outer
      }
      return ''
    },
    attribute: (name) => attributeIn(attributes, name),
    ancestor: (depth) => open[depth]?.name,
  }

  for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', at)) {
    const next = text.charCodeAt(at + 1)
    if (next === EXCLAMATION || next === QUESTION) {
      const end = endOfMarkup(text, at)
      if (end === undefined) return
      at = end
      continue
    }
    const closing = next === SLASH
    const nameStart = at + (closing ? 2 : 1)
    const end = endOfTag(text, nameStart)
    if (end === -1) return
    const empty = !closing && text.charCodeAt(end - 1) === SLASH
    const nameEnd = endOfName(text, nameStart, end)
    const qualified = text.slice(nameStart, nameEnd)
    const colon = qualified.indexOf(':')
    const name = qualified.slice(colon + 1)
    attributes = closing ? '' : text.slice(nameEnd, empty ? end - 1 : end)
    if (closing) open.pop()
    const tag: Tag = {
      kind: closing ? 'close' : empty ? 'empty' : 'open',
      prefix: colon === -1 ? '' : qualified.slice(0, colon),
      name,
      depth: open.length,
      start: at,
      end: end + 1,
    }
    if (!visit(tag, scope)) return
    if (tag.kind === 'open') open.push({ name, attributes })
    at = end + 1
  }
}

const EXCLAMATION = 0x21
const QUOTE = 0x22
const APOSTROPHE = 0x27
const SLASH = 0x2f
const GREATER = 0x3e
const QUESTION = 0x3f

/** Where a comment, CDATA section or processing instruction ends; undefined where it does not, and for a DOCTYPE. */
function endOfMarkup(text: string, at: number): number | undefined {
  for (const [begin, finish] of MARKUP) {
    if (!text.startsWith(begin, at)) continue
    const end = text.indexOf(finish, at + begin.length)
    return end === -1 ? undefined : end + finish.length
  }
  return undefined
}

const MARKUP = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const

/** The `>` that ends a tag; one may stand in an attribute's value. */
function endOfTag(text: string, start: number): number {
  let quote = 0
  for (let at = start; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (quote !== 0) {
      if (unit === quote) quote = 0
    } else if (unit === GREATER) return at
    else if (unit === QUOTE || unit === APOSTROPHE) quote = unit
  }
  return -1
}

function endOfName(text: string, start: number, end: number): number {
  let at = start
  while (at < end && text.charCodeAt(at) > 0x20 && text.charCodeAt(at) !== SLASH) at += 1
  return at
}

function declarationOf(attributes: string, prefix: string): string | undefined {
  return attributes.includes('xmlns') ? attributeIn(attributes, prefix === '' ? 'xmlns' : `xmlns:${prefix}`) : undefined
}

/** The value of an attribute in the text of a start tag after its name. In one pass, whatever is written there. */
function attributeIn(attributes: string, wanted: string): string | undefined {
  for (let at = 0; ; ) {
    const equals = attributes.indexOf('=', at)
    if (equals === -1) return undefined
    const name = attributes.slice(at, equals).trim()
    let start = equals + 1
    while (start < attributes.length && attributes.charCodeAt(start) <= 0x20) start += 1
    const quote = attributes.charCodeAt(start)
    if (quote !== QUOTE && quote !== APOSTROPHE) return undefined
    const end = attributes.indexOf(quote === QUOTE ? '"' : "'", start + 1)
    if (end === -1) return undefined
    if (name === wanted) return unescaped(attributes.slice(start + 1, end))
    at = end + 1
  }
}

/** Character and predefined entity references resolved; others stay as they are. */
function unescaped(value: string): string {
  if (!value.includes('&')) return value
  return value.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/gi, (whole, ...groups) => {
    const [hex, decimal, name]: readonly (string | undefined)[] = groups
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
