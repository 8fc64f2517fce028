import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import type { RpcError } from '../netconf/rpc-error.js'
import { attributeOf, elementsOf, textOf, withChildren, type XmlElement } from '../netconf/xml/xml-tree.js'
import { deviceElement, SCHEMA, type SchemaChildren, type SchemaNode } from './data-model.js'
import { pathOf, sameInstance } from './data-node.js'
import { badOperation, contentProblem, dataError, nameProblem } from './edit-problem.js'

/** The roots of a configuration; shared, never changed. */
export type Config = readonly XmlElement[]

export type EditOperation = 'merge' | 'replace' | 'create' | 'delete' | 'remove' | 'none'
export type ErrorOption = 'stop-on-error' | 'continue-on-error' | 'rollback-on-error'

/** The configuration after an edit, and what went wrong in it; under `rollback-on-error` it is then the old one. */
export interface EditOutcome {
  readonly config: Config
  readonly errors: readonly RpcError[]
}

const OPERATIONS: readonly EditOperation[] = ['merge', 'replace', 'create', 'delete', 'remove']

/** Applies the content of an `<edit-config>` (RFC 6241 §7.2). */
export function applyEdit(
  config: Config,
  edits: readonly XmlElement[],
  options: { readonly defaultOperation: 'merge' | 'replace' | 'none'; readonly errorOption: ErrorOption },
): EditOutcome {
  const errors: RpcError[] = []
  const edit: Edit = {
    errors,
    stopped: () => options.errorOption !== 'continue-on-error' && errors.length > 0,
  }
  // Under a default of replace, what the edit does not mention goes.
  const kept =
    options.defaultOperation === 'replace'
      ? config.filter((root) => edits.some((one) => one.name === root.name && one.namespace === root.namespace))
      : config
  const place: EditPlace = { schemas: SCHEMA, inherited: options.defaultOperation, parentPath: '' }
  const edited = applyChildren(kept, edits, { edit, place })
  return { config: options.errorOption === 'rollback-on-error' && errors.length > 0 ? config : edited, errors }
}

/**
 * What is wrong with an edit whatever it is applied to: names, keys and values. What depends on the target
 * (`data-exists`, `data-missing`) is not.
 */
export function checkEdit(config: Config, edits: readonly XmlElement[]): readonly RpcError[] {
  const options = { defaultOperation: 'merge', errorOption: 'continue-on-error' } as const
  return applyEdit(config, edits, options).errors.filter((error) => !error.tag.startsWith('data-'))
}

/** What an edit meets on its way through the configuration. */
interface Edit {
  readonly errors: RpcError[]
  readonly stopped: () => boolean
}

/** Where in the configuration an edit is. */
interface EditPlace {
  readonly schemas: SchemaChildren
  /** The operation of those that name none of their own. */
  readonly inherited: EditOperation
  readonly parentPath: string
}

function applyChildren(
  siblings: Config,
  edits: readonly XmlElement[],
  { edit, place }: { readonly edit: Edit; readonly place: EditPlace },
): Config {
  let current = siblings
  for (const one of edits) {
    if (edit.stopped()) break
    current = applyNode(current, one, { edit, place })
  }
  return current
}

function applyNode(
  siblings: Config,
  node: XmlElement,
  { edit, place }: { readonly edit: Edit; readonly place: EditPlace },
): Config {
  const { schemas, inherited, parentPath } = place
  const schema = Object.hasOwn(schemas, node.name) ? schemas[node.name] : undefined
  const problem = nameProblem(node, schema, parentPath) ?? contentProblem(node, schema, parentPath)
  const operation = operationOf(node, inherited)
  if (problem !== undefined || schema === undefined || operation === undefined) {
    edit.errors.push(problem ?? badOperation(node, parentPath))
    return siblings
  }
  const path = pathOf(parentPath, node, schema)
  const at = siblings.findIndex((sibling) => sameInstance(sibling, node, schema))
  const existing = siblings[at]

  if (operation === 'delete' || operation === 'remove') {
    if (existing !== undefined) return siblings.filter((sibling) => sibling !== existing)
    if (operation === 'delete') edit.errors.push(dataError('data-missing', 'there is nothing to delete', path))
    return siblings
  }
  if (operation === 'create' && existing !== undefined) {
    edit.errors.push(dataError('data-exists', 'it exists already', path))
    return siblings
  }
  if (operation === 'none' && existing === undefined && schema.kind !== 'container') {
    edit.errors.push(dataError('data-missing', 'it does not exist', path))
    return siblings
  }
  const before = operation === 'replace' ? undefined : existing
  return placed(siblings, at, editedNode(before, node, { edit, schema, operation, path }))
}

/** The node as it will be; undefined for a container that holds nothing, which is as good as none. */
function editedNode(
  existing: XmlElement | undefined,
  node: XmlElement,
  {
    edit,
    schema,
    operation,
    path,
  }: { readonly edit: Edit; readonly schema: SchemaNode; readonly operation: EditOperation; readonly path: string },
): XmlElement | undefined {
  if (schema.kind === 'leaf' || schema.kind === 'leaf-list') {
    return operation === 'none' && existing !== undefined ? existing : deviceElement(node.name, textOf(node).trim())
  }
  const keys = schema.kind === 'list' ? schema.keys : []
  const isKey = (child: XmlElement): boolean => keys.includes(child.name)
  const before =
    existing ??
    deviceElement(
      node.name,
      elementsOf(node)
        .filter(isKey)
        .map((key) => deviceElement(key.name, textOf(key).trim())),
    )
  const edits = elementsOf(node).filter((child) => !isKey(child))
  const place: EditPlace = { schemas: schema.children, inherited: operation, parentPath: path }
  const children = applyChildren(elementsOf(before), edits, { edit, place })
  return children.length === 0 ? undefined : withChildren(before, children)
}

function placed(siblings: Config, at: number, edited: XmlElement | undefined): Config {
  if (at === -1) return edited === undefined ? siblings : [...siblings, edited]
  return edited === undefined ? siblings.toSpliced(at, 1) : siblings.with(at, edited)
}

function operationOf(node: XmlElement, inherited: EditOperation): EditOperation | undefined {
  const asked = attributeOf(node, 'operation', NETCONF_NS)
  return asked === undefined ? inherited : OPERATIONS.find((known) => known === asked)
}
