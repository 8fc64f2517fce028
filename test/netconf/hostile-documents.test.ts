import { describe, expect, it } from 'vitest'
import { jsonToElements, jsonToXml } from '../../src/netconf/xml/json-to-xml.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { createRequestReader } from '../../src/netconf/request-reader.js'
import { parseRpcReply } from '../../src/netconf/rpc-reply.js'
import { parseXml } from '../../src/netconf/xml/xml-parse.js'
import { serialiseXml } from '../../src/netconf/xml/xml-serialise.js'
import { xmlToJson } from '../../src/netconf/xml/xml-to-json.js'
import { LONGEST_TURN, leastTurnOf } from '../support/loop-turn.js'

/** Bytes of a document that is worked on at a stretch. */
const SIZE = 250_000

const fill = (part: (number: number) => string, size = SIZE): string => {
  let text = ''
  for (let number = 0; text.length < size; number += 1) text += part(number)
  return text
}
const nested = (part: (depth: number) => string, depth = 200): string =>
  `${Array.from({ length: depth }, (_, at) => part(at)).join('')}<b/>${'</a>'.repeat(depth)}`
const declarations = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, at) => ` xmlns:p${from + at}="urn:u${at}"`).join('')

/**
 * Milliseconds of CPU time. A busy machine may take twice as long as a bridge of one's own; work that grows faster than
 * the document would take seconds.
 */
const MOST = 3 * LONGEST_TURN

/** What makes work that grows faster than the document, where it is done carelessly. */
const documents: readonly (readonly [string, string])[] = [
  ['very many elements', fill(() => '<b/>')],
  ['elements of two names in turns', fill(() => '<b/><c/>')],
  ['as many names as elements', fill((number) => `<b${number}/>`)],
  ['elements in the deepest place', `${'<a>'.repeat(200)}${fill(() => '<b/>')}${'</a>'.repeat(200)}`],
  ['a namespace on each level', nested((depth) => `<a xmlns:p${depth}="urn:u${depth}">`)],
  ['many namespaces on each level', nested((depth) => `<a${declarations(50, depth * 50)}>`)],
  ['a namespace on each element', fill((number) => `<p${number}:b xmlns:p${number}="urn:u${number}"/>`)],
  [
    'elements that declare one below many that are declared',
    `<a${declarations(900)}>${fill(() => '<q:b xmlns:q="urn:q" p899:c="1"/>')}</a>`,
  ],
  ['as many attributes as may be', fill(() => `<b${Array.from({ length: 900 }, (_, at) => ` a${at}=""`).join('')}/>`)],
  ['one long text', fill(() => 'x')],
  ['references', fill(() => '&amp;&#x41;')],
  ['CDATA sections', fill(() => '<![CDATA[x]]>')],
  ['one CDATA section of brackets', `<![CDATA[${fill(() => 'x] ')}]]>`],
  ['comments', fill(() => 'x<!-- -->')],
  ['processing instructions', fill(() => '<?p q?>')],
  ['text between elements', fill(() => 'x<b/>')],
  ['a long name', `<${fill(() => 'n')}/>`],
  ['a long attribute', `<b c="${fill(() => '&#9;')}"/>`],
  ['characters of four octets', fill(() => '😀')],
]

const turnOf = (work: () => void): Promise<number> => leastTurnOf(work, MOST)

describe('a document with', () => {
  it.each(documents)('%s takes no turn longer than a session may wait', async (_, content) => {
    const text = `<rpc-reply xmlns="${NETCONF_NS}"><data>${content}</data></rpc-reply>`
    let tree = parseXml('<a/>')
    expect(await turnOf(() => (tree = parseXml(Buffer.from(text))))).toBeLessThan(MOST)
    expect(await turnOf(() => void parseRpcReply(text))).toBeLessThan(MOST)
    if (!tree.ok) throw new Error(tree.error.cause)
    const root = tree.value
    expect(await turnOf(() => void serialiseXml(root))).toBeLessThan(MOST)
    const json = xmlToJson(root)
    expect(await turnOf(() => void JSON.stringify(xmlToJson(root)))).toBeLessThan(MOST)
    expect(await turnOf(() => void jsonToXml(json))).toBeLessThan(MOST)
    const request = Buffer.from(
      `<rpc xmlns="${NETCONF_NS}"><edit-config><config>${content}</config></edit-config></rpc>`,
    )
    const read = await turnOf(() => {
      const reader = createRequestReader(['source', 'target'])
      for (let at = 0; at < request.length; at += 32 * 1024) reader.write(request.subarray(at, at + 32 * 1024))
      reader.end()
    })
    expect(read).toBeLessThan(MOST)
  })
})

describe('an element with more attributes than any has', () => {
  const many = `<a${Array.from({ length: 1001 }, (_, at) => ` a${at}=""`).join('')}/>`

  it('is refused as a document', () => {
    expect(parseXml(many)).toMatchObject({ ok: false, error: { kind: 'too-many-attributes' } })
  })

  it('is refused as a request under rules', () => {
    const reader = createRequestReader([])
    expect(reader.write(Buffer.from(`<rpc xmlns="${NETCONF_NS}">${many}</rpc>`))).toMatchObject({
      kind: 'too-many-attributes',
    })
  })

  it('is refused as JSON', () => {
    const attributes = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`@a${at}`, '']))
    expect(jsonToElements({ a: attributes })).toMatchObject({
      ok: false,
      error: { cause: 'an element has more than 1000 attributes' },
    })
  })
})

describe('a list of a million items', () => {
  it('becomes as many elements', () => {
    const items: readonly string[] = Array.from({ length: 1_000_000 }, () => '')
    for (const json of [{ b: items }, { a: { '#content': items.map(() => ({ b: '' })) } }]) {
      const read = jsonToElements(json)
      expect(read.ok).toBe(true)
      const root = read.ok && read.value.length === 1 ? read.value[0]?.children : read.ok && read.value
      expect(root && root.length).toBe(1_000_000)
    }
  })
})

it('what is wrong with a document is told in short, however long it is', () => {
  const parsed = parseXml(`<a><b${':'.repeat(100_000)}/></a>`)
  expect(parsed).toMatchObject({ ok: false, error: { cause: expect.stringMatching(/^.{1,300}$/s) } })
})
