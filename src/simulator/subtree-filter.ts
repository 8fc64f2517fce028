import { elementsOf, textOf, withChildren, type XmlElement } from '../netconf/xml/xml-tree.js'

/**
 * What a subtree filter (RFC 6241 §6) selects of a data tree: containment, selection, content match and attribute
 * match nodes. An empty filter selects nothing.
 */
export function selectSubtrees(data: readonly XmlElement[], filter: readonly XmlElement[]): readonly XmlElement[] {
  return data.flatMap((candidate) => {
    const filters = filter.filter((one) => sameNode(one, candidate))
    return filters.length === 0 ? [] : (merge(candidate, filters) ?? [])
  })
}

/** What several filters for the same node select of it together. */
function merge(candidate: XmlElement, filters: readonly XmlElement[]): XmlElement | undefined {
  const matching = filters.filter((filter) => contentMatches(candidate, filter))
  if (matching.length === 0) return undefined
  if (matching.some((filter) => selectsAll(filter))) return candidate

  const kept = elementsOf(candidate).flatMap((child) => {
    const asContentMatch = matching.some((filter) => contentMatchNodes(filter).some((node) => sameNode(node, child)))
    if (asContentMatch) return child
    const deeper = matching.flatMap((filter) => otherNodes(filter).filter((node) => sameNode(node, child)))
    return deeper.length === 0 ? [] : (merge(child, deeper) ?? [])
  })
  // A containment node that came up empty is not in the answer (RFC 6241 §6.2.3).
  return kept.length === 0 ? undefined : withChildren(candidate, kept)
}

/** A selection node, or a list of content match nodes only: the whole node is wanted (RFC 6241 §6.2.5). */
function selectsAll(filter: XmlElement): boolean {
  return otherNodes(filter).length === 0
}

function contentMatches(candidate: XmlElement, filter: XmlElement): boolean {
  return contentMatchNodes(filter).every((node) =>
    elementsOf(candidate).some((child) => sameNode(node, child) && textOf(child).trim() === textOf(node).trim()),
  )
}

function contentMatchNodes(filter: XmlElement): readonly XmlElement[] {
  return elementsOf(filter).filter((node) => elementsOf(node).length === 0 && textOf(node).trim() !== '')
}

function otherNodes(filter: XmlElement): readonly XmlElement[] {
  return elementsOf(filter).filter((node) => elementsOf(node).length > 0 || textOf(node).trim() === '')
}

/** Same name, namespace unless the filter leaves it open, and every attribute the filter names (RFC 6241 §6.2.1-2). */
function sameNode(filter: XmlElement, candidate: XmlElement): boolean {
  return (
    filter.name === candidate.name &&
    (filter.namespace === '' || filter.namespace === candidate.namespace) &&
    filter.attributes.every((wanted) =>
      candidate.attributes.some(
        (found) => found.name === wanted.name && found.namespace === wanted.namespace && found.value === wanted.value,
      ),
    )
  )
}
