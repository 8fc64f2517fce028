import { type SaxesOptions, SaxesParser, type SaxesTagNS } from 'saxes'
import { rememberNamespaces } from '../remember-namespaces.js'

/** Why bytes are not XML that every parser reads alike. */
export interface StrictXmlFault {
  readonly kind: 'not-utf8' | 'not-well-formed' | 'doctype' | 'not-plain' | 'too-deep' | 'too-many-attributes'
  readonly cause: string
}

/** What a document holds, told as it comes. `onCdata` has the text of a CDATA section, `onText` all other text. */
export interface StrictXmlEvents {
  readonly onOpen: (tag: SaxesTagNS, depth: number) => void
  readonly onClose: (depth: number) => void
  readonly onText: (text: string, depth: number) => void
  readonly onCdata: (text: string, depth: number) => void
}

/** Reads one document piece by piece. After the first fault, nothing is told and the fault is answered again. */
export interface StrictXml {
  readonly write: (bytes: Buffer) => StrictXmlFault | undefined
  /** At the end of the document, which must be whole. */
  readonly end: () => StrictXmlFault | undefined
}

/** Levels of elements; deeper ones no peer needs, and some would not survive. */
const MAX_DEPTH = 256
/** Attributes and declarations of one element: all of them are looked at together, when its start tag ends. */
const MAX_ATTRIBUTES = 1000

/**
 * A reader that refuses what parsers disagree about: bytes that are not UTF-8, a byte order mark, another encoding or
 * XML version in the declaration, DOCTYPE and with it all entities but XML's own five, processing instructions,
 * undeclared prefixes, and all that is not well-formed.
 */
export function createStrictXml(events: StrictXmlEvents): StrictXml {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const parser = new StrictParser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true })
  const open: SaxesTagNS[] = []
  let begun = false
  let byteCount = 0
  let unitCount = 0
  let fault: StrictXmlFault | undefined

  let attributes = 0
  parser.on('attribute', () => {
    attributes += 1
    if (attributes > MAX_ATTRIBUTES)
      refuse('too-many-attributes', `an element has more than ${MAX_ATTRIBUTES} attributes`)
  })
  parser.on('opentag', (tag) => {
    attributes = 0
    const depth = open.length
    if (depth >= MAX_DEPTH) refuse('too-deep', `elements are nested deeper than ${MAX_DEPTH}`)
    checkNames(tag)
    events.onOpen(tag, depth)
    rememberNamespaces(open.at(-1), tag)
    open.push(tag)
  })
  parser.on('closetag', () => {
    open.pop()
    events.onClose(open.length)
  })
  parser.on('text', (text) => events.onText(text, open.length))
  parser.on('cdata', (text) => events.onCdata(text, open.length))

  const writeText = (text: string): void => {
    unitCount += text.length
    // Peers put line ends between messages.
    const rest = begun ? text : text.replace(/^[ \t\r\n]+/, '')
    if (rest === '') return
    if (!begun && rest.startsWith('\ufeff')) refuse('not-utf8', 'it begins with a byte order mark')
    begun = true
    parser.write(rest)
  }
  const decode = (bytes: Buffer): void => {
    let text: string
    try {
      text = decoder.decode(bytes, { stream: true })
    } catch {
      // What came before the fault may say whose document it is.
      writeText(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).split('\ufffd', 1).join(''))
      return refuse('not-utf8', 'it is not UTF-8')
    }
    writeText(text)
  }
  const decodeEnd = (): void => {
    try {
      decoder.decode()
    } catch {
      refuse('not-utf8', 'it ends in the middle of a character')
    }
  }
  const checked = (step: () => void): StrictXmlFault | undefined => {
    if (fault !== undefined) return fault
    try {
      step()
    } catch (thrown) {
      if (!(thrown instanceof StrictXmlError)) throw thrown
      fault = thrown.fault
    }
    return fault
  }

  return {
    write: (bytes) =>
      checked(() => {
        byteCount += bytes.length
        decode(bytes)
      }),
    end: () =>
      checked(() => {
        decodeEnd()
        // Closing forgets it.
        const { encoding } = parser.xmlDecl
        parser.close()
        if (isAscii(encoding) && byteCount !== unitCount) refuse('not-utf8', 'it says that it is ASCII, and is not')
      }),
  }
}

/**
 * A parser with the refusals that need to know nothing of the document. They are handlers of its prototype: with more
 * than six handlers of its own an object of V8 turns into a dictionary, and the parser into a quarter of its speed.
 */
class StrictParser extends SaxesParser<SaxesOptions & { xmlns: true }> {}
StrictParser.prototype.on('error', ({ message }) => refuse('not-well-formed', message))
StrictParser.prototype.on('doctype', () => refuse('doctype', 'it has a DOCTYPE'))
StrictParser.prototype.on('processinginstruction', ({ target }) =>
  refuse('not-plain', `it has a processing instruction <?${target}`),
)
StrictParser.prototype.on('xmldecl', ({ version, encoding }) => {
  if (version !== '1.0') refuse('not-plain', `it says that it is XML ${version}`)
  if (encoding !== undefined && !isAscii(encoding) && !/^utf-8$/i.test(encoding))
    refuse('not-utf8', `it says that its encoding is ${encoding}`)
})
StrictParser.prototype.on('comment', (comment) => {
  // HTML ends such a comment right there.
  if (/^-?>/.test(comment)) refuse('not-plain', 'it has a comment that begins with ">"')
})

function isAscii(encoding: string | undefined): boolean {
  return /^(us-)?ascii$/i.test(encoding ?? '')
}

/**
 * What the parser itself does not look at: the parts of qualified names, and white space in the names of namespaces,
 * which it strips.
 */
function checkNames(tag: SaxesTagNS): void {
  checkParts(tag)
  for (const name in tag.attributes) {
    const attribute = tag.attributes[name]
    if (attribute === undefined) continue
    checkParts(attribute)
    if ((attribute.prefix === 'xmlns' || name === 'xmlns') && /\s/.test(attribute.value))
      refuse('not-plain', 'it declares a namespace with white space in it')
  }
}

function checkParts({ name, prefix, local }: Pick<SaxesTagNS, 'name' | 'prefix' | 'local'>): void {
  if (cannotBegin(local) || cannotBegin(prefix)) refuse('not-well-formed', `${name} is no qualified name`)
}

/** Whether a name begins with a character that may only stand inside one (XML 1.0, NameChar without NameStartChar). */
function cannotBegin(name: string): boolean {
  const first = name.charCodeAt(0)
  return first < LETTER_A || INNER_ONLY.some(([from, to]) => first >= from && first <= to)
}

const LETTER_A = 0x41
const INNER_ONLY = [
  [0xb7, 0xb7],
  [0x300, 0x36f],
  [0x203f, 0x2040],
] as const

function refuse(kind: StrictXmlFault['kind'], cause: string): never {
  throw new StrictXmlError({ kind, cause: cause.length > 200 ? `${cause.slice(0, 200)}…` : cause })
}

/** Carries a fault out of the parser's callbacks. */
class StrictXmlError extends Error {
  constructor(readonly fault: StrictXmlFault) {
    super(fault.cause)
  }
}
