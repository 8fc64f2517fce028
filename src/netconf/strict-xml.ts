import { SaxesParser, type SaxesTagNS } from 'saxes'

/** Why octets are not XML that every parser reads alike. */
export interface StrictXmlFault {
  readonly kind: 'not-utf8' | 'not-well-formed' | 'doctype' | 'not-plain' | 'too-deep'
  readonly cause: string
}

/** What a document holds, told as it comes. `onCdata` has the text of a CDATA section, `onText` all other text. */
export interface StrictXmlEvents {
  readonly onOpen: (tag: SaxesTagNS, depth: number) => void
  readonly onClose: (depth: number) => void
  readonly onText: (text: string, depth: number) => void
  readonly onCdata: (text: string, depth: number) => void
  readonly onComment?: (comment: string) => void
}

/** Reads one document piece by piece. After the first fault, nothing is told and the fault is answered again. */
export interface StrictXml {
  readonly write: (octets: Buffer) => StrictXmlFault | undefined
  /** At the end of the document, which must be whole. */
  readonly end: () => StrictXmlFault | undefined
}

/** Levels of elements; deeper ones no peer needs, and some would not survive. */
const MAX_DEPTH = 256

/**
 * A reader that refuses what parsers disagree about: octets that are not UTF-8, a byte order mark, another encoding or XML version in the
 * declaration, DOCTYPE and with it all entities but XML's own five, processing instructions, undeclared prefixes, and all that is not well-formed.
 */
export function createStrictXml(events: StrictXmlEvents): StrictXml {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const parser = new SaxesParser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true })
  let depth = 0
  let begun = false
  let asciiOnly = false
  let octetCount = 0
  let unitCount = 0
  let fault: StrictXmlFault | undefined

  parser.on('error', ({ message }) => refuse('not-well-formed', message))
  parser.on('doctype', () => refuse('doctype', 'it has a DOCTYPE'))
  parser.on('processinginstruction', ({ target }) => refuse('not-plain', `it has a processing instruction <?${target}`))
  parser.on('xmldecl', ({ version, encoding }) => {
    if (version !== '1.0') refuse('not-plain', `it says that it is XML ${version}`)
    asciiOnly = /^(us-)?ascii$/i.test(encoding ?? '')
    if (encoding !== undefined && !asciiOnly && !/^utf-8$/i.test(encoding))
      refuse('not-utf8', `it says that its encoding is ${encoding}`)
  })
  parser.on('opentag', (tag) => {
    if (depth >= MAX_DEPTH) refuse('too-deep', `elements are nested deeper than ${MAX_DEPTH}`)
    events.onOpen(tag, depth)
    depth += 1
  })
  parser.on('closetag', () => {
    depth -= 1
    events.onClose(depth)
  })
  parser.on('text', (text) => events.onText(text, depth))
  parser.on('cdata', (text) => events.onCdata(text, depth))
  parser.on('comment', (comment) => {
    // HTML ends such a comment right there.
    if (/^-?>/.test(comment)) refuse('not-plain', 'it has a comment that begins with ">"')
    events.onComment?.(comment)
  })

  const writeText = (text: string): void => {
    unitCount += text.length
    // Peers put line ends between messages.
    const rest = begun ? text : text.replace(/^[ \t\r\n]+/, '')
    if (rest === '') return
    if (!begun && rest.startsWith('\ufeff')) refuse('not-utf8', 'it begins with a byte order mark')
    begun = true
    parser.write(rest)
  }
  const decode = (octets: Buffer): void => {
    let text: string
    try {
      text = decoder.decode(octets, { stream: true })
    } catch {
      // What came before the fault may say whose document it is.
      writeText(new TextDecoder('utf-8', { ignoreBOM: true }).decode(octets).split('\ufffd', 1).join(''))
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
      if (!(thrown instanceof Refusal)) throw thrown
      fault = thrown.fault
    }
    return fault
  }

  return {
    write: (octets) =>
      checked(() => {
        octetCount += octets.length
        decode(octets)
      }),
    end: () =>
      checked(() => {
        decodeEnd()
        parser.close()
        if (asciiOnly && octetCount !== unitCount) refuse('not-utf8', 'it says that it is ASCII, and is not')
      }),
  }
}

function refuse(kind: StrictXmlFault['kind'], cause: string): never {
  throw new Refusal({ kind, cause: cause.length > 200 ? `${cause.slice(0, 200)}…` : cause })
}

/** Carries a fault out of the parser's callbacks. */
class Refusal extends Error {
  constructor(readonly fault: StrictXmlFault) {
    super(fault.cause)
  }
}
