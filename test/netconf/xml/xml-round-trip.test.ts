import { describe, expect, test } from 'vitest'
import { parseRootTag, parseXml } from '../../../src/netconf/xml/xml-parse.js'
import { isXmlText, serialiseXml } from '../../../src/netconf/xml/xml-serialise.js'
import {
  attribute,
  attributeOf,
  childOf,
  childText,
  element,
  textOf,
  type XmlElement,
} from '../../../src/netconf/xml/xml-tree.js'

function parsed(text: string): XmlElement {
  const result = parseXml(text)
  if (!result.ok) throw new Error(result.error.cause)
  return result.value
}

/** A tree without the prefixes, which do not matter. */
function meaning(root: XmlElement): unknown {
  return {
    name: `{${root.namespace}}${root.name}`,
    attributes: root.attributes.map((one) => `{${one.namespace}}${one.name}=${one.value}`).toSorted(),
    children: root.children.map((child) => (typeof child === 'string' ? child : meaning(child))),
  }
}

test.each([
  ['default namespaces that change and end', '<a xmlns="urn:a"><b xmlns="urn:b"><c xmlns=""/></b><d/></a>'],
  ['prefixes', '<x:a xmlns:x="urn:x" x:k="1" k="2"><x:b xmlns:x="urn:y" x:k="3"/></x:a>'],
  ['escapes', '<a b="&lt;&amp;&quot;&#10;&#9;&#13;">&lt;tag&gt; &amp; ]]&gt;&#13;\n\t</a>'],
  ['character data', '<a><![CDATA[<b>&amp;]]>tail</a>'],
  ['mixed content', '<a>one<b/>two<c>three</c>four</a>'],
  ['other writing', '<a b="ü">日本語 𝄞</a>'],
  ['a prefix that only content uses', '<a xmlns:if="urn:if"><type>if:ethernet</type></a>'],
])('%s', (_what, text) => {
  const tree = parsed(text)
  expect(meaning(parsed(serialiseXml(tree)))).toEqual(meaning(tree))
})

test('a prefix that content uses is still declared', () => {
  expect(serialiseXml(parsed('<a xmlns:if="urn:if">if:x</a>'))).toContain('xmlns:if="urn:if"')
})

test('a subtree is written with the namespaces it needs', () => {
  const tree = parsed('<x:a xmlns:x="urn:x" xmlns:y="urn:y"><x:b y:k="1">t</x:b></x:a>')
  const inner = childOf(tree, 'urn:x', 'b')
  expect(inner && meaning(parsed(serialiseXml(inner)))).toEqual(inner && meaning(inner))
})

test('an attribute gets a prefix of its own where its prefix is taken', () => {
  const tree = element('urn:a', 'e', [], {
    prefix: 'p',
    attributes: [attribute('k', 'v', { namespace: 'urn:b', prefix: 'p' })],
  })
  expect(meaning(parsed(serialiseXml(tree)))).toEqual(meaning(tree))
})

test('nothing that is written can hold the end-of-message delimiter', () => {
  expect(serialiseXml(element('', 'a', ']]>]]>', { attributes: [attribute('b', ']]>]]>')] }))).not.toContain(']]>')
})

test('comments, prolog, leading line feeds and a byte order mark are let pass', () => {
  expect(parsed('\n <!-- one --><!-- two --><a/>').name).toBe('a')
  expect(parsed('\n<?xml version="1.0" encoding="UTF-8"?>\n<a/>').name).toBe('a')
  expect(parseXml(Buffer.from('\ufeff<a/>')).ok).toBe(true)
})

describe('what is refused', () => {
  test.each([
    ['not-well-formed', '<a><b></a>'],
    ['not-well-formed', '<a/><b/>'],
    ['not-well-formed', 'text'],
    ['not-well-formed', ''],
    ['not-well-formed', '<a>'],
    ['not-well-formed', '<p:a/>'],
    ['not-well-formed', '<a b="1" b="2"/>'],
    ['not-well-formed', '<a>&unknown;</a>'],
    ['not-well-formed', '<a>\u0001</a>'],
    ['doctype', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['not-utf8', '<?xml version="1.0" encoding="ISO-8859-1"?><a/>'],
    ['too-deep', '<a>'.repeat(300) + '</a>'.repeat(300)],
  ])('%s: %s', (kind, text) => {
    expect(parseXml(text)).toMatchObject({ ok: false, error: { kind } })
  })

  test('bytes that are not UTF-8', () => {
    expect(parseXml(Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e]))).toMatchObject({
      error: { kind: 'not-utf8' },
    })
  })

  test('more than the bound', () => {
    expect(parseXml('<a>long</a>', { maxSize: 5 })).toMatchObject({ error: { kind: 'too-big' } })
  })

  test('text that XML cannot hold is not written', () => {
    expect(isXmlText('a\u0000')).toBe(false)
    expect(isXmlText('\ud800')).toBe(false)
    expect(isXmlText('𝄞\n\t')).toBe(true)
    expect(() => serialiseXml(element('', 'a', '\u0000'))).toThrow(TypeError)
  })
})

test('the root tag is read without the rest', () => {
  const long = Buffer.from(`<!-- c --><rpc-reply xmlns="urn:x" message-id="ü1">${'<a>'.repeat(10_000)}`)
  const root = parseRootTag(long)
  expect(root.ok && [root.value.name, root.value.namespace, attributeOf(root.value, 'message-id')]).toEqual([
    'rpc-reply',
    'urn:x',
    'ü1',
  ])
  for (const rest of ['', '<b', '<b x=y/>', '</c>', '<!DOCTYPE b>', '&nothing;'])
    expect(parseRootTag(`<a>${rest}`)).toMatchObject({ ok: true, value: { name: 'a' } })
  expect(parseRootTag('no xml').ok).toBe(false)
  expect(parseRootTag('').ok).toBe(false)
})

test('children and text are found by namespace and name', () => {
  const tree = parsed('<a xmlns="urn:a"><b xmlns="urn:b">wrong</b><b> right <c/>too </b></a>')
  expect(childText(tree, 'urn:a', 'b')).toBe('right too')
  expect(childText(tree, 'urn:a', 'none')).toBeUndefined()
  expect(textOf(tree)).toBe('')
})
