import { parseHello } from '../../../src/netconf/hello.js'
import { jsonToXml } from '../../../src/netconf/xml/json-to-xml.js'
import { parseRpcReply } from '../../../src/netconf/rpc-reply.js'
import { parseRootTag, parseXml } from '../../../src/netconf/xml/xml-parse.js'
import { serialiseXml } from '../../../src/netconf/xml/xml-serialise.js'
import { xmlToJson } from '../../../src/netconf/xml/xml-to-json.js'
import type { XmlElement } from '../../../src/netconf/xml/xml-tree.js'
import { holds, same, type Target } from '../target.js'

/** Documents that come from either side, and what they are in the other form. */
export const xmlAndJson: Target = {
  name: 'xml-and-json',
  about: 'XML and JSON of operations: there and back',
  words: [
    '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">',
    '</rpc>',
    '<a>',
    '</a>',
    '<a/>',
    '<b:c xmlns:b="urn:b">',
    '</b:c>',
    ' xmlns=""',
    ' xmlns:x="urn:x"',
    ' x:k="v"',
    ' xml:lang="en"',
    '<![CDATA[',
    ']]>',
    '<!--',
    '-->',
    '<?x?>',
    '<?xml version="1.0"?>',
    '<!DOCTYPE a>',
    '&amp;',
    '&lt;',
    '&#10;',
    '&#x1F600;',
    '&#0;',
    '&x;',
    '\ufeff',
    '\u2028',
    'é',
    '𝄞',
    '\r\n',
    '{"a":',
    '}',
    '[',
    ']',
    ',',
    '"@xmlns":"urn:x"',
    '"@k":',
    '"#text":',
    '"$":',
    'null',
    'true',
    '1e999',
    '"\\u0000"',
    '"\\ud800"',
    '"__proto__"',
    '"constructor"',
    '"x:a"',
  ],
  start: () => ({
    take: (input) => {
      readXml(input)
      readJson(input.toString('utf8'))
      parseHello(input)
      parseRpcReply(input)
    },
  }),
}

function readXml(input: Buffer): void {
  const parsed = parseXml(input)
  const tag = parseRootTag(input)
  if (!parsed.ok) return holds(parsed.error.cause !== '' && parsed.error.hint !== '', 'an error without words')
  holds(tag.ok, 'the root of a document that is one is not found')
  same([tag.value.namespace, tag.value.name], [parsed.value.namespace, parsed.value.name], 'the root is another one')
  same(tag.value.attributes, parsed.value.attributes, 'the root has other attributes')
  same(meaning(again(parsed.value)), meaning(parsed.value), 'written and read again it is another document')
  const json = xmlToJson(parsed.value)
  // What programs do with it on the way.
  const back = jsonToXml(JSON.parse(JSON.stringify(json)))
  holds(back.ok, `what we made into JSON is none to us: ${back.ok ? '' : back.error.cause}`)
  same(
    withoutSpace(meaning(again(back.value))),
    withoutSpace(meaning(parsed.value)),
    'by way of JSON it is another document',
  )
}

function readJson(text: string): void {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return
  }
  const made = jsonToXml(json)
  if (!made.ok) return holds(made.error.cause !== '', 'an error without words')
  same(meaning(again(made.value)), meaning(made.value), 'made of JSON, written and read again it is another document')
}

function again(tree: XmlElement): XmlElement {
  const text = serialiseXml(tree)
  holds(!text.includes(']]>]]>'), 'it was written with the delimiter inside')
  const read = parseXml(text)
  holds(read.ok, `what we wrote is no XML: ${read.ok ? '' : read.error.cause}: ${text.slice(0, 500)}`)
  return read.value
}

interface Meaning {
  readonly name: string
  readonly attributes: readonly string[]
  readonly children: readonly (Meaning | string)[]
}

/** A tree without the prefixes, which do not matter, and with text that lies together as one. */
function meaning({ namespace, name, attributes, children }: XmlElement): Meaning {
  const joined: (Meaning | string)[] = []
  for (const child of children) {
    const last = joined.at(-1)
    if (typeof child !== 'string') joined.push(meaning(child))
    else if (typeof last === 'string') joined[joined.length - 1] = last + child
    else if (child !== '') joined.push(child)
  }
  return {
    name: `{${namespace}}${name}`,
    attributes: attributes.map((one) => `{${one.namespace}}${one.name}=${one.value}`).toSorted(),
    children: joined,
  }
}

/** White space between elements is layout, which JSON does not keep. */
function withoutSpace(element: Meaning): Meaning {
  const nested = element.children.some((child) => typeof child !== 'string')
  const kept = element.children.filter((child) => typeof child !== 'string' || !nested || child.trim() !== '')
  return { ...element, children: kept.map((child) => (typeof child === 'string' ? child : withoutSpace(child))) }
}
