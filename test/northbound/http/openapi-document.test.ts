import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { enrolment, fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

interface Media {
  readonly example?: unknown
  readonly schema?: Schema
}

interface Schema {
  readonly $ref?: string
  readonly example?: unknown
  readonly description?: string
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> }
  readonly operationId?: string
  readonly description?: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly example?: unknown
    readonly schema?: Schema
  }[]
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly responses: Readonly<Record<string, { readonly description?: string }>>
}

interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const app = createApp({ ...fleetInMemory({ enrolments: [enrolment('router1', 'approved')] }), log: recordedLog().log })
const answer = await app.request('/openapi.json')
const text = await answer.text()
const document = JSON.parse(text) as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)

describe('/openapi.json', () => {
  it('is OpenAPI 3.1', () => {
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Homeport', version: 'v1' } })
  })

  it('has every route that the app answers, and no other', () => {
    const served = app.routes
      .filter(({ method, path }) => method !== 'ALL' && !/^\/(?:openapi\.json|docs.*)?$/.test(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(
      [...new Set(served)].toSorted(),
    )
    expect(operations.length).toBeGreaterThan(40)
  })

  it('refers only to what it holds', () => {
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = '']) => reference)
    expect(references.length).toBeGreaterThan(10)
    for (const reference of new Set(references)) {
      expect(reference).toMatch(/^#\//)
      const found = reference
        .slice(2)
        .split('/')
        .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document)
      expect(found, reference).toBeTypeOf('object')
    }
  })

  it('describes every operation: an id of its own, its path parameters, its answers', () => {
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
    for (const { path, operation } of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      expect(declared.map(({ name }) => name)).toEqual(named)
      expect(declared.every(({ required }) => required === true)).toBe(true)
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^([2-5]\d\d|default)$/)
        expect(response.description).not.toBe('')
      }
    }
  })

  it('names every problem of docs/http.md at the operations that are answered with it', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/http.md'), 'utf8')
    const rows = page.slice(page.indexOf('## Errors')).matchAll(/^\| [^|]+ \| ((?:`[a-z-]+`(?:, )?)+) \|/gm)
    const types = [...rows].flatMap(([, cell = '']) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, type = '']) => type))
    expect(types.length).toBeGreaterThan(25)
    const described = operations
      .flatMap(({ operation }) => Object.values(operation.responses))
      .map((one) => one.description)
    const named = new Set(described.flatMap((text = '') => [...text.matchAll(/`([a-z-]+)`/g)].map(([, type]) => type)))
    // It stands in the answer of a job.
    expect(types.filter((type) => !named.has(type))).toEqual(['job-expired'])
  })

  it('says of a call on a session that the session may have ended', () => {
    for (const { path, operation } of operations)
      if (path.includes('/sessions/{sid}/')) expect(operation.responses['410']?.description).toBe('`session-ended`')
  })

  it('says of every operation but those on health what scope it needs', () => {
    const open = operations.filter(({ operation }) => operation.security === undefined).map(({ path }) => path)
    expect(open.toSorted()).toEqual(['/healthz', '/livez', '/readyz', '/startupz'])
    for (const { operation } of operations)
      for (const scopes of (operation.security ?? []).flatMap(Object.values))
        expect([['read'], ['rpc'], ['admin']]).toContainEqual(scopes)
  })

  it('describes every operation in words of its own, beyond its summary', () => {
    const words = operations.map(({ operation }) => operation.description ?? '')
    expect(
      operations.filter((_, at) => (words[at] ?? '').length < 40).map(({ method, path }) => `${method} ${path}`),
    ).toEqual([])
    expect(new Set(words).size).toBe(words.length)
  })

  it('fills in nothing that narrows a call, where a page of documentation sends every example', () => {
    const given = operations.flatMap(({ method, path, operation: { parameters = [] } }) =>
      parameters
        .filter(({ required, example, schema }) => required !== true && (example ?? schema?.example) !== undefined)
        .map(({ name }) => `${method} ${path}: ${name}`),
    )
    expect(given).toEqual([])
  })

  it('uses no keyword of OpenAPI 3.0 that 3.1 dropped', () => {
    expect(text).not.toContain('"nullable"')
  })

  it('shows a time that may be missing, and the secret as written only', () => {
    expect(document).toMatchObject({
      components: {
        schemas: {
          Device: { properties: { lastSeen: { type: ['string', 'null'], format: 'date-time' } } },
          NewDevice: { additionalProperties: false, properties: { secret: { writeOnly: true } } },
        },
      },
    })
  })
})

describe('what /openapi.json gives as an example', () => {
  const withBodies = operations.filter(({ operation }) => operation.requestBody !== undefined)
  const bodies = withBodies.flatMap(({ method, path, operation }) =>
    Object.entries(operation.requestBody?.content ?? {}).map(
      ([type, media]) => [`${method} ${path} as ${type}`, method, path, type, exampleOf(media)] as const,
    ),
  )

  it('is there for every body', () => {
    expect(bodies.length).toBeGreaterThan(30)
    expect(bodies.filter(([, , , , example]) => example === undefined).map(([name]) => name)).toEqual([])
  })

  it.each(bodies)('is taken: %s', async (_, method, path, type, example) => {
    const { status } = await app.request(path.replace('{id}', 'router1').replace('{sid}', 'nobody'), {
      method,
      headers: { 'Content-Type': type },
      body: type.endsWith('json') ? JSON.stringify(example) : String(example),
    })
    expect([400, 415, 422, 500]).not.toContain(status)
  })

  it('leaves a datastore without a default to be given', () => {
    expect(document.components.schemas['Datastore']).not.toHaveProperty('default')
    expect(document.components.schemas['Payload']?.description).toBe('XML as text, or XML as JSON')
  })
})

/** The example of a body: its own, or that of its schema. */
function exampleOf({ example, schema }: Media): unknown {
  const component = schema?.$ref?.split('/').at(-1)
  return example ?? schema?.example ?? document.components.schemas[component ?? '']?.example
}
