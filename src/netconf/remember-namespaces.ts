import type { SaxesTagNS } from 'saxes'

/**
 * Keeps with an open element what the prefixes of its child stood for. To find out, the parser goes through all the
 * elements that are open, for each name anew: this spares it the way for the next child, and changes nothing of what a
 * prefix stands for.
 */
export function rememberNamespaces(parent: SaxesTagNS | undefined, child: SaxesTagNS): void {
  if (parent === undefined) return
  const remember = (prefix: string, uri: string): void => {
    if (child.ns[prefix] === undefined && parent.ns[prefix] === undefined) parent.ns[prefix] = uri
  }
  remember(child.prefix, child.uri)
  for (const name in child.attributes) {
    const attribute = child.attributes[name]
    if (attribute !== undefined && attribute.prefix !== '' && attribute.prefix !== 'xmlns')
      remember(attribute.prefix, attribute.uri)
  }
}
