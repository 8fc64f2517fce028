import type { SaxesTagNS } from 'saxes'
import { NETCONF_NS } from './xml/namespaces.js'
import { failed, type Result, succeeded } from './result.js'
import { createStrictXml, type StrictXmlFault } from './xml/strict-xml.js'
import { elementsOf, type XmlAttribute, type XmlElement, type XmlNode } from './xml/xml-tree.js'

/** Why a message is no request that one could judge. */
export interface RequestFault {
  readonly kind: StrictXmlFault['kind'] | 'not-an-rpc' | 'too-big' | 'delimiter-inside'
  readonly cause: string
}

/** Whose request it is: what a reply repeats of its `<rpc>`. */
export interface RequestRoot {
  /** NETCONF's namespace, or '' as very old Junos has it. */
  readonly namespace: string
  readonly attributes: readonly XmlAttribute[]
}

/** A whole request that was well-formed, as far as a rule looks at it. */
export type ReadRequest =
  | {
      readonly kind: 'operation'
      /**
       * The operation element with those of its children that `parameters` names, and of these no more than tells
       * datastores apart.
       */
      readonly operation: XmlElement
    }
  /** Well-formed, and yet not one operation that can be judged; `cause` says why. */
  | { readonly kind: 'undecidable'; readonly cause: string }

/** Reads one request as it comes, in memory that does not grow with it. */
export interface RequestReader {
  /** Reads on; a fault is answered again and again. */
  readonly write: (bytes: Buffer) => RequestFault | undefined
  readonly end: () => Result<ReadRequest, RequestFault>
  /** Its `<rpc>`, once that was seen. */
  readonly root: () => RequestRoot | undefined
}

/** Characters of the attributes of an `<rpc>`; message-id has at most 4095 (RFC 6241, module ietf-netconf). */
const MAX_ATTRIBUTES = 8192

/** Characters of text that are kept of an element; whoever writes more names no datastore. */
const MAX_TEXT = 1024

/** Elements by how many are around them: the `<rpc>` is 0, what is in a datastore's element 4. */
const OPERATION = 1
const PARAMETER = 2
const DATASTORE = 3
const CONTENT = 4

/** An element that is being read, and that is kept. */
interface Kept extends XmlElement {
  readonly children: XmlNode[]
  textLeft: number
}

/** @param parameters local names, in lower case, of the children of an operation that are to be kept */
export function createRequestReader(parameters: readonly string[]): RequestReader {
  let root: RequestRoot | undefined
  let operation: Kept | undefined
  let undecidable: string | undefined
  let fault: RequestFault | undefined
  /** The elements that are open and kept, by how many are around them. */
  const open = new Map<number, Kept>()

  const readRoot = (tag: SaxesTagNS): void => {
    const attributes = attributesOf(tag)
    if (tag.local !== 'rpc' || (tag.uri !== NETCONF_NS && tag.uri !== ''))
      fault ??= { kind: 'not-an-rpc', cause: `<${shortened(tag.name)}> came where <rpc> was expected` }
    else if (lengthOf(attributes) > MAX_ATTRIBUTES)
      fault ??= { kind: 'too-big', cause: `the attributes of <rpc> have more than ${MAX_ATTRIBUTES} characters` }
    else root = { namespace: tag.uri, attributes }
  }

  const isWanted = (tag: SaxesTagNS, depth: number, parent: Kept): boolean => {
    const siblings = elementsOf(parent)
    const name = tag.local.toLowerCase()
    if (depth === PARAMETER)
      // Two of a name are as unclear as many.
      return parameters.includes(name) && siblings.filter((one) => one.name.toLowerCase() === name).length < 2
    if (depth === DATASTORE) return siblings.length < 2
    return parent.name !== 'config' && siblings.length === 0
  }

  const onOpen = (tag: SaxesTagNS, depth: number): void => {
    if (depth === 0) return readRoot(tag)
    if (depth > CONTENT) return
    const element: Kept = {
      namespace: tag.uri,
      name: tag.local,
      prefix: tag.prefix,
      attributes: [],
      children: [],
      textLeft: MAX_TEXT,
    }
    if (depth === OPERATION) {
      if (operation !== undefined) undecidable ??= 'there is more than one operation in the <rpc>'
      operation ??= element
      open.set(depth, element)
      return
    }
    const parent = open.get(depth - 1)
    if (parent === undefined || !isWanted(tag, depth, parent)) return
    parent.children.push(element)
    open.set(depth, element)
  }

  const onText = (text: string, depth: number): void => {
    if (depth === OPERATION && /[^ \t\r\n]/.test(text)) undecidable ??= 'there is text beside the operation'
    const parent = depth > PARAMETER ? open.get(depth - 1) : undefined
    if (parent === undefined || parent.textLeft < 0) return
    parent.textLeft -= text.length
    parent.children.push(parent.textLeft < 0 ? ' too much text ' : text)
  }

  const onCdata = (text: string, depth: number): void => {
    // Some parsers know nothing of CDATA sections: to them what is in one counts, and it does not count as text.
    if (text.includes('<')) undecidable ??= 'there is markup in a CDATA section; write &lt; instead'
    if (depth === OPERATION || (depth > PARAMETER && open.has(depth - 1)))
      undecidable ??= 'there is a CDATA section where an operation or a datastore is named'
  }

  const xml = createStrictXml({ onOpen, onClose: (depth) => open.delete(depth), onText, onCdata })
  const delimits = createDelimiterWatch()

  return {
    write: (bytes) => {
      if (fault !== undefined) return fault
      const read = xml.write(bytes)
      fault ??= read
      if (delimits(bytes))
        fault ??= {
          kind: 'delimiter-inside',
          cause: 'it has "]]>]]" inside, which peers may take for the end of a message',
        }
      return fault
    },
    end: () => {
      fault ??= xml.end()
      if (fault !== undefined) return failed(fault)
      undecidable ??= operation === undefined ? 'there is no operation in the <rpc>' : undefined
      return operation === undefined || undecidable !== undefined
        ? succeeded({ kind: 'undecidable', cause: undecidable ?? '' })
        : succeeded({ kind: 'operation', operation })
    },
    root: () => root,
  }
}

const DELIMITER_BEGIN = Buffer.from(']]>]]')

/** Tells whether bytes, joined to those before, hold the beginning of a delimiter. */
function createDelimiterWatch(): (bytes: Buffer) => boolean {
  let carried = Buffer.alloc(0)
  return (bytes) => {
    const seam = Buffer.concat([carried, bytes.subarray(0, DELIMITER_BEGIN.length - 1)])
    const last = Buffer.concat([carried, bytes.subarray(-DELIMITER_BEGIN.length + 1)])
    carried = last.subarray(-DELIMITER_BEGIN.length + 1)
    return seam.includes(DELIMITER_BEGIN) || bytes.includes(DELIMITER_BEGIN)
  }
}

function attributesOf(tag: SaxesTagNS): readonly XmlAttribute[] {
  return Object.values(tag.attributes)
    .filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns')
    .map(({ uri, local, prefix, value }) => ({ namespace: uri, name: local, prefix, value }))
}

function lengthOf(attributes: readonly XmlAttribute[]): number {
  return attributes.reduce((sum, { name, namespace, value }) => sum + name.length + namespace.length + value.length, 0)
}

const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)
