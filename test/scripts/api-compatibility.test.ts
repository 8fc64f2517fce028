import { describe, expect, test } from 'vitest'
import { breakingChanges, notTold, type OpenApiDocument, type Schema } from '../../scripts/api-compatibility.js'

/** An API with one operation that sends and gets this, and these components. */
function api(parts: {
  readonly sent?: Schema
  readonly got?: Schema
  readonly operation?: object
  readonly schemas?: Readonly<Record<string, Schema>>
}): OpenApiDocument {
  return {
    paths: {
      '/things/{id}': {
        post: {
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          requestBody: { content: { 'application/json': { schema: parts.sent ?? {} } } },
          responses: { 200: { content: { 'application/json': { schema: parts.got ?? {} } } } },
          ...parts.operation,
        },
      },
    },
    components: { schemas: parts.schemas ?? {} },
  }
}

const object = (properties: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  required,
})

const text: Schema = { type: 'string' }
const count: Schema = { type: 'integer' }

function told(older: OpenApiDocument, newer: OpenApiDocument): readonly string[] {
  return breakingChanges(older, newer).map(({ where, what }) => `${where}: ${what}`)
}

describe('what a client sends', () => {
  const change = (older: Schema, newer: Schema): readonly string[] => told(api({ sent: older }), api({ sent: newer }))

  test.each<[string, Schema, Schema, string]>([
    ['a field that is gone', object({ a: text, b: text }), object({ a: text }), '.b is gone'],
    ['a field that has to be there', object({ a: text }), object({ a: text }, 'a'), '.a is required'],
    ['another type', object({ a: text }), object({ a: count }), '.a: is integer, was string'],
    ['a type where all was taken', object({ a: {} }), object({ a: count }), '.a: is integer, was anything'],
    ['a value that is gone', { enum: ['x', 'y'] }, { enum: ['x'] }, ': does not take "y" any more'],
    ['values where all were taken', text, { type: 'string', enum: ['x'] }, ': takes certain values alone'],
    ['a smaller bound', { maximum: 9 }, { maximum: 8 }, ': maximum is 8, was 9'],
    ['a bound that is new', { type: 'string' }, { type: 'string', maxLength: 8 }, ': maxLength is 8, was not set'],
    ['a larger bound below', { minimum: 0 }, { minimum: 1 }, ': minimum is 1, was 0'],
    ['a pattern', text, { type: 'string', pattern: '^a' }, ': has another pattern'],
    ['no further fields', object({}), { ...object({}), additionalProperties: false }, ': takes no further fields'],
    [
      'items of another type',
      { type: 'array', items: text },
      { type: 'array', items: count },
      '[]: is integer, was string',
    ],
    ['an alternative that is gone', { anyOf: [text, count] }, { anyOf: [text] }, ': does not take integer any more'],
    ['a type of a list that is gone', { type: ['string', 'null'] }, text, ': does not take null any more'],
    [
      'a part of allOf that asks for more',
      { allOf: [object({ a: text })] },
      { allOf: [object({ a: text }, 'a')] },
      '.a is required',
    ],
    ['values of names', { additionalProperties: text }, { additionalProperties: count }, '.*: is integer, was string'],
  ])('%s breaks it', (_, older, newer, what) => {
    const changes = change(older, newer)
    expect(changes).toHaveLength(1)
    expect(changes[0]).toMatch(/^POST \/things\/\{id\}: request application\/json/)
    expect(changes[0]?.endsWith(what)).toBe(true)
  })

  test.each<[string, Schema, Schema]>([
    ['a new field', object({ a: text }), object({ a: text, b: text })],
    ['a field that may be missing now', object({ a: text }, 'a'), object({ a: text })],
    ['a further value', { enum: ['x'] }, { enum: ['x', 'y'] }],
    ['all values', { type: 'string', enum: ['x'] }, text],
    ['a further alternative', text, { anyOf: [count, text] }],
    ['a larger bound', { maximum: 8 }, { maximum: 9 }],
    ['one alternative, written as such', { anyOf: [text] }, text],
    ['numbers where integers were taken', count, { type: 'number' }],
  ])('%s breaks nobody', (_, older, newer) => {
    expect(change(older, newer)).toEqual([])
  })
})

describe('what a client gets', () => {
  const change = (older: Schema, newer: Schema): readonly string[] => told(api({ got: older }), api({ got: newer }))

  test.each<[string, Schema, Schema, string]>([
    ['a field that is gone', object({ a: text }), object({}), '.a is gone'],
    ['a field that may be missing', object({ a: text }, 'a'), object({ a: text }), '.a may be missing'],
    ['another type', object({ a: text }), object({ a: count }), '.a: is integer, was string'],
    ['anything', object({ a: text }), object({ a: {} }), '.a: is anything, was string'],
    ['a number where it was an integer', count, { type: 'number' }, ': is number, was integer'],
    ['a further alternative', text, { anyOf: [text, count] }, ': may be integer'],
    ['null', text, { type: ['string', 'null'] }, ': may be null'],
  ])('%s breaks it', (_, older, newer, what) => {
    const changes = change(older, newer)
    expect(changes).toHaveLength(1)
    expect(changes[0]?.endsWith(what)).toBe(true)
  })

  test.each<[string, Schema, Schema]>([
    ['a new field', object({ a: text }, 'a'), object({ a: text, b: text }, 'a', 'b')],
    ['a new value', { enum: ['x'] }, { enum: ['x', 'y'] }],
    ['an alternative less', { anyOf: [text, count] }, text],
    ['a type where it was anything', object({ a: {} }), object({ a: text })],
  ])('%s breaks nobody', (_, older, newer) => {
    expect(change(older, newer)).toEqual([])
  })
})

describe('an operation', () => {
  test.each<[string, object, object, string]>([
    ['an answer that is gone', {}, { responses: { 204: {} } }, 'there is no answer 200'],
    [
      'another kind of answer',
      {},
      { responses: { 200: { content: { 'text/xml': {} } } } },
      'an answer may not be application/json any more',
    ],
    [
      'another kind of request',
      {},
      { requestBody: { content: { 'text/xml': {} } } },
      'a request may not be application/json any more',
    ],
    ['a body', { requestBody: undefined }, { requestBody: { required: true, content: {} } }, 'a body is required'],
    ['a parameter that is gone', {}, { parameters: [] }, 'the path parameter id is gone'],
    [
      'a parameter that is required',
      {},
      {
        parameters: [
          { name: 'id', in: 'path' },
          { name: 'q', in: 'query', required: true },
        ],
      },
      'the query parameter q is required',
    ],
    [
      'a header that is gone',
      { responses: { 201: { headers: { location: {} } } } },
      { responses: { 201: {} } },
      'the answer 201 has no header location',
    ],
    [
      'a right more',
      { security: [{ token: ['read'] }] },
      { security: [{ token: ['read', 'admin'] }] },
      '{"token":["read"]} is not enough',
    ],
  ])('breaks clients by %s', (_, older, newer, what) => {
    expect(told(api({ operation: older }), api({ operation: newer }))).toEqual([`POST /things/{id}: ${what}`])
  })

  test('breaks clients when it is gone, and none when it is new', () => {
    expect(told(api({}), { paths: {} })).toEqual(['POST /things/{id}: is gone'])
    expect(told({ paths: {} }, api({}))).toEqual([])
  })

  test('breaks none by an answer that is a refusal less, and by another way to prove who calls', () => {
    const refusing = { responses: { 200: { content: { 'application/json': {} } }, 409: {} } }
    expect(told(api({ operation: refusing }), api({}))).toEqual([])
    const either = { security: [{ token: ['read'] }, { password: ['read'] }] }
    expect(told(api({ operation: { security: [{ token: ['read'] }] } }), api({ operation: either }))).toEqual([])
  })
})

describe('a component', () => {
  const thing: Schema = { $ref: '#/components/schemas/Thing' }

  test('is told once, by its name', () => {
    const both = (schema: Schema): OpenApiDocument => api({ sent: thing, got: thing, schemas: { Thing: schema } })
    expect(told(both(object({ a: text })), both(object({ a: count })))).toEqual(['Thing: .a: is integer, was string'])
  })

  test('that holds itself ends', () => {
    const tree = (leaf: Schema): OpenApiDocument =>
      api({ got: thing, schemas: { Thing: object({ leaf, inner: { anyOf: [thing, { type: 'null' }] } }) } })
    expect(told(tree(text), tree(text))).toEqual([])
    expect(told(tree(text), tree(count))).toContain('Thing: .leaf: is integer, was string')
  })

  test('that became a part of the operation is compared all the same', () => {
    const older = api({ got: thing, schemas: { Thing: object({ a: text }) } })
    expect(told(older, api({ got: object({ a: text }) }))).toEqual([])
    expect(told(older, api({ got: object({}) }))).toEqual(['Thing: .a is gone'])
  })
})

test('a change is told where CHANGELOG names it in the newest section, as **Breaking**', () => {
  const changes = [{ where: 'POST /things', what: 'is gone' }]
  const page = (newest: string, older = ''): string =>
    `# Changelog\n\n## Unreleased\n\n${newest}\n\n## 0.1.0\n\n${older}\n`
  const said = '- **Breaking**: `PUT /thing` and\n  `POST /things` are one now.'
  expect(notTold(changes, page(said))).toEqual([])
  expect(notTold(changes, page('- nothing', said))).toEqual(changes)
  expect(notTold(changes, page('- `POST /things` is gone'))).toEqual(changes)
  expect(notTold(changes, page('- **Breaking**: `POST /things/{id}` is gone\n- `POST /things` too'))).toEqual(changes)
})
