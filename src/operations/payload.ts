import { z } from '@hono/zod-openapi'
import { jsonToElements } from '../netconf/xml/json-to-xml.js'
import { readXmlFragment } from '../netconf/xml/xml-fragment.js'
import { RPC_SCOPE } from '../netconf/xml/xml-to-json.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'

/** Elements of a data model, as XML text or as JSON (docs/http.md). */
export const payloadSchema = z.union([z.string().min(1), z.record(z.string(), z.unknown())]).openapi('Payload', {
  description: 'XML as text, or XML as JSON',
  example: '<box xmlns="urn:homeport:test"><name>a</name></box>',
})

export type Payload = z.output<typeof payloadSchema>

/**
 * Elements that were read and written elsewhere, because they are large: their text where NETCONF's namespace is the
 * default one.
 */
export interface WrittenElements {
  readonly text: string
  /** The name of the only element; absent where there are none, or several. */
  readonly only?: Pick<XmlElement, 'namespace' | 'name'>
}

/** A payload that was taken out of a large body, in its place: nobody can send one of these. */
export class HeldPayload {
  static readonly key = '#written'
  constructor(readonly payload: WrittenElements) {}
}

/** The payload that was read elsewhere, where this stands for one. */
export function heldPayload(payload: Payload): WrittenElements | undefined {
  const held = typeof payload === 'string' ? undefined : payload[HeldPayload.key]
  return held instanceof HeldPayload ? held.payload : undefined
}

/** A field of a request is at fault. */
export class InvalidField extends Error {
  constructor(
    readonly path: readonly (string | number)[],
    message: string,
  ) {
    super(message)
  }
}

/**
 * The elements of a payload. What declares no namespace stands in NETCONF's own, as it would in an `<rpc>`.
 * @param path of the payload in the request, for an error
 * @throws InvalidField
 */
export function elementsOfPayload(payload: Payload, path: readonly (string | number)[]): readonly XmlElement[] {
  const held = heldPayload(payload)
  if (held !== undefined) {
    const { namespace = '', name = '' } = held.only ?? {}
    return [{ namespace, name, prefix: '', attributes: [], children: [], written: held.text }]
  }
  if (typeof payload === 'string') {
    const parsed = readXmlFragment(payload, RPC_SCOPE)
    if (parsed.ok) return parsed.value
    throw new InvalidField(path, parsed.error.cause)
  }
  const read = jsonToElements(payload, RPC_SCOPE)
  if (read.ok) return read.value
  throw new InvalidField([...path, ...read.error.path], read.error.cause)
}
