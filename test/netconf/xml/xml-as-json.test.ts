import { describe, expect, it } from 'vitest'
import { jsonToElements, jsonToXml } from '../../../src/netconf/xml/json-to-xml.js'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { readXmlFragment } from '../../../src/netconf/xml/xml-fragment.js'
import { parseXml, parseXmlGently } from '../../../src/netconf/xml/xml-parse.js'
import { serialiseXml } from '../../../src/netconf/xml/xml-serialise.js'
import { EMPTY_SCOPE, RPC_SCOPE, xmlToJson } from '../../../src/netconf/xml/xml-to-json.js'
import type { XmlElement } from '../../../src/netconf/xml/xml-tree.js'

function parsed(xml: string): XmlElement {
  const result = parseXml(xml)
  if (!result.ok) throw new Error(result.error.cause)
  return result.value
}

/** The same element once it was JSON text. */
function throughJson(element: XmlElement): XmlElement {
  const back = jsonToXml(JSON.parse(JSON.stringify(xmlToJson(element))))
  if (!back.ok) throw new Error(`${back.error.cause} at ${back.error.path.join('/')}`)
  return back.value
}

describe('XML as JSON', () => {
  it.each([
    ['<a/>', { a: '' }],
    ['<a>x</a>', { a: 'x' }],
    ['<a>\n x </a>', { a: '\n x ' }],
    ['<a><![CDATA[<x> & ]]>y</a>', { a: '<x> & y' }],
    ['<a b="1"/>', { a: { '@b': '1' } }],
    ['<a b="1">x</a>', { a: { '@b': '1', '#text': 'x' } }],
    ['<a xmlns="urn:a"><b/></a>', { a: { '@xmlns': 'urn:a', b: '' } }],
    ['<a><b>1</b><c/><d>2</d></a>', { a: { b: '1', c: '', d: '2' } }],
    ['<a>\n  <b>1</b>\n  <b>2</b><c/>\n</a>', { a: { b: ['1', '2'], c: '' } }],
    ['<a><b>1</b><c/><b>2</b></a>', { a: { '#content': [{ b: '1' }, { c: '' }, { b: '2' }] } }],
    ['<a>text <b>1</b> more</a>', { a: { '#content': ['text ', { b: '1' }, ' more'] } }],
    ['<a>\n<b/>\n<c/>\n<b/></a>', { a: { '#content': [{ b: '' }, { c: '' }, { b: '' }] } }],
    [
      '<n:a xmlns:n="urn:n" n:x="1" xml:lang="en"><n:b/></n:a>',
      { 'n:a': { '@xmlns:n': 'urn:n', '@n:x': '1', '@xml:lang': 'en', 'n:b': '' } },
    ],
    [
      '<a xmlns="urn:a"><b xmlns="urn:1"/><b xmlns="urn:2"/></a>',
      { a: { '@xmlns': 'urn:a', b: [{ '@xmlns': 'urn:1' }, { '@xmlns': 'urn:2' }] } },
    ],
    // What a prefix in a text stands for has to be kept, whether a name uses it or not.
    ['<a xmlns:t="urn:t"><type>t:one</type></a>', { a: { '@xmlns:t': 'urn:t', type: 't:one' } }],
  ])('%s', (xml, json) => {
    expect(xmlToJson(parsed(xml))).toEqual(json)
    // The same again, with the members in the same order, as it is sent.
    expect(JSON.stringify(xmlToJson(throughJson(parsed(xml))))).toBe(JSON.stringify(json))
  })

  it('knows names that are something else to JavaScript', () => {
    const xml = '<__proto__ constructor="1"><__proto__>x</__proto__><toString/></__proto__>'
    expect(serialiseXml(throughJson(parsed(xml)))).toBe(xml)
  })

  it('declares in a part what stood above it', () => {
    const [child] = parsed('<a xmlns="urn:a" xmlns:x="urn:x"><x:b x:c="1"><d/></x:b></a>').children
    expect(xmlToJson(child as XmlElement, { ...EMPTY_SCOPE, '': 'urn:a' })).toEqual({
      'x:b': { '@xmlns:x': 'urn:x', '@x:c': '1', d: '' },
    })
  })
})

describe('any document', () => {
  it('is the same after it was JSON, but for white space between elements', () => {
    const random = seeded(20_251)
    for (let number = 0; number < 300; number += 1) {
      const xml = randomElement(random, 0, { a: 'urn:a' })
      const tree = parsed(`<r xmlns:a="urn:a">${xml}</r>`)
      expect(serialiseXml(throughJson(tree)), xml).toBe(serialiseXml(withoutSpace(tree)))
    }
  })
})

describe('JSON as XML', () => {
  it('is lenient in what stands for text', () => {
    const read = jsonToElements(
      { mtu: 1500, on: true, off: false, ratio: 0.5, none: null, empty: {}, list: [] },
      RPC_SCOPE,
    )
    expect(read.ok && read.value.map((one) => serialiseXml({ ...one, namespace: '' })).join('')).toBe(
      '<mtu>1500</mtu><on>true</on><off>false</off><ratio>0.5</ratio><none/><empty/>',
    )
  })

  it('stands in NETCONF where it declares nothing, and knows its prefix', () => {
    const read = jsonToXml(
      { config: { box: { '@xmlns': 'urn:t', item: { '@nc:operation': 'delete', id: '1' } } } },
      RPC_SCOPE,
    )
    expect(read.ok && serialiseXml(read.value)).toBe(
      `<config xmlns="${NETCONF_NS}"><box xmlns="urn:t"><item xmlns:nc="${NETCONF_NS}" nc:operation="delete"><id>1</id></item></box></config>`,
    )
  })

  it.each([
    [[], [], /object/],
    [{ '@a': '1', b: '' }, ['@a'], /no element/],
    [{ 'a b': '' }, ['a b'], /name/],
    // A letter to Unicode, and yet none that a name of XML may hold.
    [{ ª: '' }, ['ª'], /name/],
    [{ 'a:b': '' }, ['a:b'], /prefix `a` is not declared/],
    [{ a: { '@b:c': '1' } }, ['a', '@b:c'], /not declared/],
    [{ a: { '@xmlns:b': '' } }, ['a', '@xmlns:b'], /no namespace/],
    [{ a: { '@xmlns:xml': 'x' } }, ['a', '@xmlns:xml'], /cannot be declared/],
    [{ a: { '@xmlns:p': 'u', '@xmlns:q': 'u', '@p:x': '1', '@q:x': '1' } }, ['a', '@q:x'], /twice/],
    [{ a: '\u0000' }, ['a'], /character/],
    [{ a: 1e21 }, ['a'], /digits/],
    [{ a: 2 ** 53 }, ['a'], /digits/],
    [{ a: [['x']] }, ['a', 0], /a list/],
    [{ a: { '#content': 'x' } }, ['a', '#content'], /list/],
    [{ a: { '#content': [{ b: '', c: '' }] } }, ['a', '#content', 0], /one element/],
    [{ a: { '#text': {} } }, ['a', '#text'], /text/],
  ])('%j is refused, and where the fault is', (json, path, cause) => {
    const read = jsonToElements(json)
    expect(read).toMatchObject({ ok: false, error: { path, cause: expect.stringMatching(cause) } })
  })

  it('has names of every writing that XML allows', () => {
    const xml = '<日本語 é·="1"><𝄞a/></日本語>'
    expect(serialiseXml(throughJson(parsed(xml)))).toBe(xml)
  })

  it('nested without end is refused', () => {
    let json: unknown = ''
    for (let depth = 0; depth < 5_000; depth += 1) json = { a: json }
    expect(jsonToElements(json)).toMatchObject({ ok: false, error: { cause: expect.stringMatching(/deeper/) } })
  })

  it('is one element where one is wanted', () => {
    expect(jsonToXml({ a: '', b: '' }).ok).toBe(false)
    expect(jsonToXml({}).ok).toBe(false)
  })
})

describe('a fragment of XML', () => {
  it('is read as it would stand in an <rpc>', async () => {
    const read = readXmlFragment('<?xml version="1.0"?>\n<a nc:operation="create"/> <b xmlns="urn:b"/>', RPC_SCOPE)
    expect(read.ok && read.value.map(({ name, namespace }) => [name, namespace])).toEqual([
      ['a', NETCONF_NS],
      ['b', 'urn:b'],
    ])
  })

  it.each(['</fragment><fragment>', '<a>', 'text', '<!DOCTYPE a><a/>', '<a/>&amp;', '<x:a/>', '</a>'])(
    'refuses %s',
    async (text) => {
      expect(readXmlFragment(text, RPC_SCOPE).ok).toBe(false)
    },
  )
})

describe('a long document', () => {
  it('is parsed to the same, with turns for others between', async () => {
    const xml = `<r>${'<i a="ü">text &amp; more</i>\n'.repeat(12_000)}</r>`
    let turns = 0
    const counting = setInterval(() => (turns += 1), 0)
    const gently = await parseXmlGently(Buffer.from(xml))
    clearInterval(counting)
    expect(gently.ok && serialiseXml(gently.value)).toBe(serialiseXml(parsed(xml)))
    expect(turns).toBeGreaterThan(1)
    expect((await parseXmlGently(xml.slice(0, -2))).ok).toBe(false)
    expect(await parseXmlGently(xml, { maxSize: 1000 })).toMatchObject({ ok: false, error: { kind: 'too-big' } })
  })
})

/** White space between elements dropped, as the mapping does. */
function withoutSpace(element: XmlElement): XmlElement {
  const mixed = element.children.some((child) => typeof child === 'string' && /[^ \t\r\n]/.test(child))
  const nested = element.children.some((child) => typeof child !== 'string')
  const kept = mixed || !nested ? element.children : element.children.filter((child) => typeof child !== 'string')
  return { ...element, children: kept.map((child) => (typeof child === 'string' ? child : withoutSpace(child))) }
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function randomElement(random: () => number, depth: number, scope: Readonly<Record<string, string>>): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const declared: Record<string, string> = {}
  if (random() < 0.3) declared[''] = pick(['urn:x', 'urn:y', ''])
  if (random() < 0.2) declared['b'] = pick(['urn:b', 'urn:c'])
  const known = { ...scope, ...declared }
  const prefixes = Object.keys(known).filter((prefix) => prefix !== '')
  const name = random() < 0.3 ? `${pick(prefixes)}:${pick(['m', 'n'])}` : pick(['m', 'n', 'o.p-q'])
  const attributes = random() < 0.3 ? ` k="${pick(['', ' v ', '&quot;&#10;', ']]&gt;'])}"` : ''
  const prefixed = random() < 0.2 ? ` ${pick(prefixes)}:z="1"` : ''
  const declarations = Object.entries(declared).map(([p, uri]) => ` xmlns${p === '' ? '' : `:${p}`}="${uri}"`)
  const children = Array.from({ length: depth > 3 ? 0 : Math.floor(random() * 4) }, () =>
    random() < 0.35
      ? pick([' ', '\n  ', 'text', ' a &lt; b ', '<![CDATA[]]]]>', '<!-- no -->'])
      : randomElement(random, depth + 1, known),
  )
  return `<${name}${declarations.join('')}${attributes}${prefixed}>${children.join('')}</${name}>`
}
