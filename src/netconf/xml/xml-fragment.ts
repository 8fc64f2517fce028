import { failed, type Result, succeeded } from '../result.js'
import { parseXml, type XmlError, type XmlLimits } from './xml-parse.js'
import { escapeAttribute } from './xml-serialise.js'
import { elementsOf, textOf, type XmlElement } from './xml-tree.js'
import type { Scope } from './xml-to-json.js'

/** Reads any number of elements, as they may stand inside one that declares what `scope` has. */
export function readXmlFragment(
  text: string,
  scope: Scope,
  limits: XmlLimits = {},
): Result<readonly XmlElement[], XmlError> {
  const declared = Object.entries(scope)
    .filter(([prefix]) => prefix !== 'xml')
    .map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeAttribute(uri)}"`)
    .join('')
  const declaration = /^\s*<\?xml\s[^>]*\?>/.exec(text)?.[0] ?? ''
  if (declaration !== '') {
    // It cannot stand inside the element below, but what it says counts.
    const read = parseXml(`${declaration}<declared/>`)
    if (!read.ok) return read
  }
  const bare = text.slice(declaration.length)
  const parsed = parseXml(`<fragment${declared}>${bare}</fragment>`, limits)
  if (!parsed.ok) return parsed
  if (textOf(parsed.value).trim() !== '')
    return failed({ kind: 'not-well-formed', cause: 'text stands beside the elements', hint: 'send elements only' })
  return succeeded(elementsOf(parsed.value))
}
