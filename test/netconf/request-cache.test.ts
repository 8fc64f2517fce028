import { describe, expect, it } from 'vitest'
import { createRequestCache } from '../../src/netconf/request-cache.js'

const rpc = (
  id: string,
  rest = '<get/></rpc>',
  before = '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"',
): Buffer => Buffer.from(`${before} message-id="${id}">${rest}`)

/** Whether the second is taken for the first. */
function same(first: Buffer, second: Buffer): boolean {
  const known = createRequestCache<string>()
  known.remember(first, 'found')
  return known.find(second) === 'found'
}

describe('a request is known again', () => {
  it.each([
    ['with another number', rpc('1'), rpc('22')],
    ['with a UUID, as ncclient has it', rpc('urn:uuid:8c1f-42'), rpc('urn:uuid:aa00-17')],
    [
      'behind a declaration, with a prefix',
      rpc('1', '<nc:get/></nc:rpc>', '<?xml version="1.0" encoding="UTF-8"?><nc:rpc xmlns:nc="urn:x"'),
      rpc('2', '<nc:get/></nc:rpc>', '<?xml version="1.0" encoding="UTF-8"?><nc:rpc xmlns:nc="urn:x"'),
    ],
    ['with the message-id first', rpc('1', '', '<rpc'), rpc('2', '', '<rpc')],
  ])('%s', (_, first, second) => expect(same(first, second)).toBe(true))
})

describe('a request is not known', () => {
  it.each([
    ['when its operation is another', rpc('1'), rpc('1', '<commit/></rpc>')],
    ['when its message-id holds a reference', rpc('1'), rpc('&#49;')],
    ['when its message-id is empty', rpc('1'), rpc('')],
    ['when its message-id ends the tag', rpc('1'), rpc('1"><commit/><x y="2')],
    ['when only the case of a letter differs', rpc('1'), rpc('1', '<Get/></rpc>')],
    ['when it is longer than what is kept', rpc('1', 'x'.repeat(3000)), rpc('2', 'x'.repeat(3000))],
    [
      'when the value is that of a namespace declaration',
      rpc('urn:a', '<m:get/>', `<rpc xmlns:m='`),
      rpc('urn:b', '<m:get/>', `<rpc xmlns:m='`),
    ],
    ['when the value stands in a comment', rpc('1', '', '<!-- x'), rpc('2', '', '<!-- x')],
    ['when the value is of an inner element', rpc('1', '', '<rpc><x'), rpc('2', '', '<rpc><x')],
    ['when the value is of another attribute', rpc('1', '', '<rpc xmlns:x'), Buffer.from('<rpc xmlns:message-id="2">')],
    [
      'when the attribute has a prefix',
      Buffer.from('<rpc xmlns:message-id="urn:a"><get/></rpc>'),
      Buffer.from('<rpc xmlns:message-id="urn:b"><get/></rpc>'),
    ],
  ])('%s', (_, first, second) => expect(same(first, second)).toBe(false))
})

it('the oldest make room', () => {
  const known = createRequestCache<number>(16)
  for (let n = 0; n < 100; n += 1) known.remember(rpc('1', `<get><n${n}/></get></rpc>`), n)
  const kept = Array.from({ length: 100 }, (_, n) => known.find(rpc('7', `<get><n${n}/></get></rpc>`))).filter(
    (found) => found !== undefined,
  )
  expect(kept.length).toBeGreaterThan(10)
  expect(kept.length).toBeLessThanOrEqual(16)
  expect(kept.at(-1)).toBe(99)
})
