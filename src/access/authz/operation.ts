import { NETCONF_NS } from '../../netconf/xml/namespaces.js'
import { elementsOf, textOf, type XmlElement } from '../../netconf/xml/xml-tree.js'
import type { DatastoreUse } from '../../operations/datastore-use.js'
import { datastoreUses, namespacesOf, XINCLUDE_NS } from './standard-operations.js'

/** What a request asks for, as far as a rule looks at it. */
export interface Operation {
  /** Namespace URI of the operation element, '' for none. */
  readonly namespace: string
  /** Local name of the operation element, such as `edit-config` or `request-system-reboot`. */
  readonly name: string
  /**
   * What it does to datastores by its parameters; the first use is that of the datastore that a rule on the operation
   * names. Datastores are `running`, `candidate`, `startup`, `operational` and so on, `url` for a file or server
   * somewhere, `config` for one that the request carries.
   */
  readonly uses: readonly { readonly access: DatastoreUse['access']; readonly datastore: string }[]
  /** Why it cannot be told what it does, so that no rule can be applied. */
  readonly unclear?: string
}

/** Characters of a name that rules are held against. No operation, namespace or datastore has a longer one. */
const LONGEST_NAME = 1024

/** The children of an operation element that are looked at, in lower case. */
export const DATASTORE_PARAMETERS: readonly string[] = ['source', 'target', 'datastore', 'url']

/**
 * Reads an operation element. Only the datastore parameters of the operations of RFC 6241, RFC 8526 and RFC 9144 are
 * looked at, so the element may lack its other children.
 */
export function operationOf(element: XmlElement): Operation {
  const { namespace, name } = element
  if (name.length > LONGEST_NAME || namespace.length > LONGEST_NAME)
    return {
      namespace: namespace.slice(0, LONGEST_NAME),
      name: name.slice(0, LONGEST_NAME),
      uses: [],
      unclear: `its name is longer than ${LONGEST_NAME} characters`,
    }
  if (namespace === XINCLUDE_NS) return { namespace, name, uses: [], unclear: 'XInclude stands for something else' }
  const uses: Operation['uses'][number][] = []
  for (const { parameter, access, form } of datastoreUses(name)) {
    const [only, ...more] = elementsOf(element).filter((child) => isParameter(child, parameter))
    const datastore = only === undefined || more.length > 0 ? undefined : datastoreIn(only, form)
    if (datastore !== undefined) uses.push({ access, datastore })
    // Somebody else's operation of the same name may have other parameters.
    else if (isStandard(element)) return { namespace, name, uses: [], unclear: unclear(name, parameter) }
    else return { namespace, name, uses: [] }
  }
  // What an edit takes from a URL is read by the device.
  if (uses.length > 0 && elementsOf(element).some((child) => isParameter(child, 'url')))
    uses.push({ access: 'read', datastore: 'url' })
  return { namespace, name, uses }
}

/** The operation as a rule would name it, cut where somebody made it long: `edit-config:running`, `{urn:acme}reset`. */
export function formatOperation(operation: Operation): string {
  const { namespace, name, uses } = operation
  const clark = isStandard(operation) ? shortened(name) : `{${shortened(namespace)}}${shortened(name)}`
  const [first] = uses
  return first === undefined ? clark : `${clark}:${shortened(first.datastore)}`
}

/** Whether an operation is in a namespace in which its name is the standards', or in none. */
function isStandard({ namespace, name }: Pick<Operation, 'namespace' | 'name'>): boolean {
  return namespace === '' || (namespacesOf(name) ?? [NETCONF_NS]).includes(namespace)
}

const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

/**
 * `<source><running/></source>`, `<source><datastore>ds:running</datastore></source>` (RFC 8526),
 * `<datastore>ds:running</datastore>`.
 */
function datastoreIn(parameter: XmlElement, form: DatastoreUse['form']): string | undefined {
  if (form === 'identity') return identityIn(parameter)
  const [only, ...more] = elementsOf(parameter)
  if (only === undefined || more.length > 0 || textOf(parameter).trim() !== '') return undefined
  if (only.namespace === XINCLUDE_NS || only.name.length > LONGEST_NAME) return undefined
  if (isParameter(only, 'datastore')) return identityIn(only)
  const hasContent = only.name === 'url' || only.name === 'config'
  return hasContent || (elementsOf(only).length === 0 && textOf(only).trim() === '') ? only.name : undefined
}

/** The local name of an identity: `ds:operational` is `operational`. */
function identityIn(leaf: XmlElement): string | undefined {
  const text = textOf(leaf)
  if (text.length > LONGEST_NAME || elementsOf(leaf).length > 0) return undefined
  return /^\s*(?:[^\s:]+:)?([^\s:]+)\s*$/u.exec(text)?.[1]
}

/** Whether a child is a parameter, in whatever namespace and case: a device may look at neither. */
function isParameter(child: XmlElement, name: string): boolean {
  return child.name.toLowerCase() === name
}

function unclear(name: string, parameter: string): string {
  return `<${name}> has no <${parameter}> that names exactly one datastore`
}
