import { MONITORING_NS } from '../../../netconf/xml/namespaces.js'
import { failed, type Result, succeeded } from '../../../netconf/result.js'
import { parseXml } from '../../../netconf/xml/xml-parse.js'
import { serialiseXml } from '../../../netconf/xml/xml-serialise.js'
import { xmlToJson } from '../../../netconf/xml/xml-to-json.js'
import { childOf, elementsOf, textOf, type XmlAttribute, type XmlElement } from '../../../netconf/xml/xml-tree.js'

/** A reply as something else than XML. */
export interface ConvertedReply {
  readonly contentType: string
  readonly bytes: Uint8Array
}

/**
 * Converts a whole `<rpc-reply>`; the error says why it cannot be read. `attributes` are those of the client's own
 * `<rpc>`, which a reply repeats.
 */
export function convertReply(
  message: Uint8Array,
  format: 'json' | 'schema',
  attributes: readonly XmlAttribute[],
): Result<ConvertedReply, string> {
  const parsed = parseXml(Buffer.from(message.buffer, message.byteOffset, message.length))
  if (!parsed.ok) return failed(parsed.error.cause)
  if (format === 'schema') return succeeded(schemaOf(parsed.value))
  const json = xmlToJson({ ...parsed.value, attributes: repeatedAttributes(parsed.value, attributes) })
  return succeeded(convertedTo('application/json', JSON.stringify(json)))
}

/** The text in `<data>` of a reply to get-schema; a schema that is XML itself stands there as elements. */
function schemaOf(root: XmlElement): ConvertedReply {
  const data = childOf(root, MONITORING_NS, 'data') ?? elementsOf(root).find(({ name }) => name === 'data')
  const [schema] = data === undefined ? [] : elementsOf(data)
  return schema === undefined
    ? convertedTo('application/yang', data === undefined ? '' : textOf(data))
    : convertedTo('application/xml', serialiseXml(schema, { prolog: true }))
}

/** The attributes of a reply with those of the client's own `<rpc>` instead of ours (RFC 6241 §4.1). */
export function repeatedAttributes(root: XmlElement, repeated: readonly XmlAttribute[]): readonly XmlAttribute[] {
  const isOurs = (one: XmlAttribute): boolean => one.name === 'message-id' && one.namespace === ''
  const isRepeated = (one: XmlAttribute): boolean =>
    repeated.some(({ name, namespace }) => name === one.name && namespace === one.namespace)
  return [...repeated, ...root.attributes.filter((one) => !isOurs(one) && !isRepeated(one))]
}

function convertedTo(contentType: string, text: string): ConvertedReply {
  return { contentType, bytes: new TextEncoder().encode(text) }
}
