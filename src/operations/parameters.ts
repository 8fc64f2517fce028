import { z } from '@hono/zod-openapi'
import { NETCONF_NS, WITH_DEFAULTS_NS } from '../netconf/xml/namespaces.js'
import { isXmlText } from '../netconf/xml/xml-serialise.js'
import { attribute, element, isNamed, type XmlElement } from '../netconf/xml/xml-tree.js'
import { elementsOfPayload, InvalidField, payloadSchema } from './payload.js'

/** Text that XML can hold. */
export const textSchema = z
  .string()
  .min(1)
  .max(1024 * 1024)
  .refine(isXmlText, 'has a character that XML 1.0 cannot hold')

const datastoreName = z
  .string()
  .regex(/^[A-Za-z_][\w.-]*$/, 'is no name of a datastore')
  .openapi({ example: 'running' })

/** A datastore by name, or a URL where the device has `:url`. */
export const datastoreSchema = z.union([datastoreName, z.strictObject({ url: textSchema })]).openapi('Datastore')

/** A datastore, or a configuration that is given. */
export const sourceSchema = z
  .union([datastoreName, z.strictObject({ url: textSchema }), z.strictObject({ config: payloadSchema })])
  .openapi('Source')

const xpathFilterSchema = z.strictObject({
  xpath: textSchema,
  namespaces: z.record(z.string().regex(/^[A-Za-z_][\w.-]*$/, 'is no prefix'), textSchema).optional(),
})

type XPathFilter = z.output<typeof xpathFilterSchema>

export const filterSchema = z
  .union([textSchema, z.strictObject({ subtree: payloadSchema }), xpathFilterSchema])
  .openapi('Filter', { description: 'a subtree as XML text or as JSON, or an XPath where the device has `:xpath`' })

export const withDefaultsSchema = z
  .enum(['report-all', 'report-all-tagged', 'trim', 'explicit'])
  .openapi({ description: 'RFC 6243' })

/** What is done where an edit does not say (RFC 6241 §7.2). */
export const defaultOperationSchema = z.enum(['merge', 'replace', 'none'])

/** Only the parameters that were given. */
export function given(...elements: readonly (XmlElement | undefined)[]): readonly XmlElement[] {
  return elements.filter((one) => one !== undefined)
}

export function leaf(name: string, value: string | number | undefined): XmlElement | undefined {
  return value === undefined ? undefined : element(NETCONF_NS, name, String(value))
}

export function datastore(role: 'source' | 'target', where: z.output<typeof datastoreSchema>): XmlElement {
  return element(NETCONF_NS, role, [
    typeof where === 'string' ? element(NETCONF_NS, where) : element(NETCONF_NS, 'url', where.url),
  ])
}

export function source(where: z.output<typeof sourceSchema>): XmlElement {
  if (typeof where === 'string' || 'url' in where) return datastore('source', where)
  return element(NETCONF_NS, 'source', [configOf(where.config, ['source', 'config'])])
}

/** `<config>` around a payload, which may be one itself. */
export function configOf(payload: z.output<typeof payloadSchema>, path: readonly (string | number)[]): XmlElement {
  const elements = elementsOfPayload(payload, path)
  const [only] = elements
  if (only !== undefined && elements.length === 1 && isNamed(only, NETCONF_NS, 'config')) return only
  return element(NETCONF_NS, 'config', elements)
}

export function filterOf(filter: z.output<typeof filterSchema> | undefined): XmlElement | undefined {
  if (filter === undefined) return undefined
  if (typeof filter === 'object' && 'xpath' in filter)
    return element(NETCONF_NS, 'filter', [], {
      attributes: [attribute('type', 'xpath'), attribute('select', filter.xpath)],
      declarations: prefixesOf(filter),
    })
  const elements = subtreeOf(filter)
  const [only] = elements
  // Who copies a filter from elsewhere may have copied the element around it.
  if (only !== undefined && elements.length === 1 && isNamed(only, NETCONF_NS, 'filter')) return only
  return element(NETCONF_NS, 'filter', elements, { attributes: [attribute('type', 'subtree')] })
}

/** The prefixes that an XPath uses. */
export function prefixesOf({ namespaces = {} }: XPathFilter): Readonly<Record<string, string>> {
  if (Object.keys(namespaces).some((prefix) => /^xml/i.test(prefix)))
    throw new InvalidField(['filter', 'namespaces'], 'this prefix cannot be declared')
  return namespaces
}

/** What a subtree filter holds. */
export function subtreeOf(filter: Exclude<z.output<typeof filterSchema>, XPathFilter>): readonly XmlElement[] {
  return typeof filter === 'string'
    ? elementsOfPayload(filter, ['filter'])
    : elementsOfPayload(filter.subtree, ['filter', 'subtree'])
}

export function withDefaults(mode: z.output<typeof withDefaultsSchema> | undefined): XmlElement | undefined {
  return mode === undefined ? undefined : element(WITH_DEFAULTS_NS, 'with-defaults', mode)
}
