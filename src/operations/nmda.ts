import { z } from '@hono/zod-openapi'
import { CAPABILITY, type Need } from '../netconf/capabilities.js'
import { DATASTORES_NS, NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element, isNamed, type XmlElement, type XmlNode } from '../netconf/xml/xml-tree.js'
import { type filterSchema, prefixesOf, subtreeOf } from './parameters.js'
import { InvalidField } from './payload.js'

/** A datastore of NMDA, such as `operational`: an identity of ietf-datastores. */
export const nmdaDatastoreSchema = z
  .string()
  .regex(/^[A-Za-z_][\w.-]*$/, 'is no name of a datastore')
  .openapi({ description: '`running`, `intended`, `operational` or another one of RFC 8342', example: 'operational' })

type Content = string | readonly XmlNode[]
type Declarations = Readonly<Record<string, string>>

/** Makes elements of a module. */
export type ElementOf = (name: string, content?: Content, declarations?: Declarations) => XmlElement

/**
 * Elements of a module by its namespace. They have a prefix, so that NETCONF's namespace stays the default one for
 * what a client sends in them: large payloads are written for such a place.
 */
export function elementsWith(prefix: string, namespace: string): ElementOf {
  return (name, content = [], declarations) =>
    element(namespace, name, content, { prefix, ...(declarations === undefined ? {} : { declarations }) })
}

/** `<datastore xmlns:ds="…">ds:operational</datastore>`. */
export function nmdaDatastore(of: ElementOf, role: string, name: string): XmlElement {
  return of(role, `ds:${name}`, { ds: DATASTORES_NS })
}

/** `<subtree-filter>` or `<xpath-filter>`, which take the place of RFC 6241's `<filter>`. */
export function nmdaFilter(of: ElementOf, filter: z.output<typeof filterSchema> | undefined): XmlElement | undefined {
  if (filter === undefined) return undefined
  if (typeof filter === 'object' && 'xpath' in filter) return of('xpath-filter', filter.xpath, prefixesOf(filter))
  return of('subtree-filter', contentOf(subtreeOf(filter), { wrapper: 'filter', path: ['filter'] }))
}

/** What stands in an element of RFC 6241 that a client may have copied around its payload, or the payload itself. */
export function contentOf(
  payload: readonly XmlElement[],
  { wrapper, path }: { readonly wrapper: string; readonly path: readonly string[] },
): readonly XmlNode[] {
  const [only] = payload
  if (only === undefined || payload.length > 1 || !isNamed(only, NETCONF_NS, wrapper)) return payload
  if (only.written !== undefined) throw new InvalidField(path, `leave the <${wrapper}> around it out`)
  return only.children
}

/**
 * What has to be announced for an operation of a module that is written in YANG 1.1. RFC 7950 §5.6.4 keeps such
 * modules out of the `<hello>`, which then names ietf-yang-library 1.1 instead: whether the module is there, only the
 * device can say.
 */
export function moduleNeed(module: string, namespace: string): Need {
  return { name: `the module ${module}`, anyOf: [namespace, CAPABILITY.yangLibrary11] }
}
