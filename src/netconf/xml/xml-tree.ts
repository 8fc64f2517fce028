/** Character data, or an element. Comments and processing instructions are not kept. */
export type XmlNode = XmlElement | string

/** An element with its names resolved. Trees are shared and never changed. */
export interface XmlElement {
  /** Namespace URI, '' for none. */
  readonly namespace: string
  /** Local name. */
  readonly name: string
  /** The prefix it was written with, '' for the default namespace; a wish, when it is written again. */
  readonly prefix: string
  readonly attributes: readonly XmlAttribute[]
  readonly children: readonly XmlNode[]
  /** Prefixes declared on this element, kept because content may use them; '' is the default namespace. */
  readonly declarations?: Readonly<Record<string, string>>
  /**
   * Its text, and that of what stands beside it, where NETCONF's namespace is the default one. It was written
   * elsewhere, because it is large: attributes and children are not there.
   */
  readonly written?: string
}

/** An attribute with its names resolved; one without a prefix is in no namespace. */
export interface XmlAttribute {
  readonly namespace: string
  readonly name: string
  readonly prefix: string
  readonly value: string
}

/** An element built by hand. `content` is its text, or its children in order. */
export function element(
  namespace: string,
  name: string,
  content: string | readonly XmlNode[] = [],
  more: Partial<Pick<XmlElement, 'prefix' | 'attributes' | 'declarations'>> = {},
): XmlElement {
  const children = typeof content === 'string' ? (content === '' ? [] : [content]) : content
  return { prefix: '', attributes: [], ...more, namespace, name, children }
}

/** An attribute in no namespace, unless one is given with its prefix. */
export function attribute(
  name: string,
  value: string,
  { namespace, prefix }: Pick<XmlAttribute, 'namespace' | 'prefix'> = { namespace: '', prefix: '' },
): XmlAttribute {
  return { namespace, name, prefix, value }
}

/** The element children, in order. */
export function elementsOf(parent: XmlElement): readonly XmlElement[] {
  return parent.children.filter((child): child is XmlElement => typeof child !== 'string')
}

/** The first child of that name, if any. */
export function childOf(parent: XmlElement, namespace: string, name: string): XmlElement | undefined {
  return elementsOf(parent).find((child) => isNamed(child, namespace, name))
}

/** All children of that name, in order. */
export function childrenOf(parent: XmlElement, namespace: string, name: string): readonly XmlElement[] {
  return elementsOf(parent).filter((child) => isNamed(child, namespace, name))
}

/** The character data directly in an element, untrimmed. */
export function textOf(parent: XmlElement): string {
  return parent.children.filter((child) => typeof child === 'string').join('')
}

/** The trimmed text of the first child of that name, undefined without such a child. */
export function childText(parent: XmlElement, namespace: string, name: string): string | undefined {
  const child = childOf(parent, namespace, name)
  return child === undefined ? undefined : textOf(child).trim()
}

/** The value of an attribute; without a namespace argument, of one in no namespace. */
export function attributeOf(parent: XmlElement, name: string, namespace = ''): string | undefined {
  return parent.attributes.find((found) => found.name === name && found.namespace === namespace)?.value
}

/** Whether an element has that expanded name. */
export function isNamed(candidate: XmlElement, namespace: string, name: string): boolean {
  return candidate.name === name && candidate.namespace === namespace
}

/** The same element with other children. */
export function withChildren(parent: XmlElement, children: readonly XmlNode[]): XmlElement {
  return { ...parent, children }
}
