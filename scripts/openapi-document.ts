/*
 * What the HTTP API promised in the last release: `test/northbound/http/openapi-of-the-last-release.json`. `npm run
 * release` writes it, and a test compares the document of now with it. It holds what clients lean on, and no
 * descriptions and examples.
 */
import { createApp } from '../src/northbound/http/app.js'
import { fleetInMemory } from '../test/northbound/http/fleet-in-memory.js'
import { recordedLog } from '../test/northbound/http/recorded-log.js'
import type { OpenApiDocument } from './api-compatibility.js'

export const LAST_RELEASE = 'test/northbound/http/openapi-of-the-last-release.json'

/** The document that the bridge serves as `/openapi.json`. */
export async function openApiDocument(): Promise<OpenApiDocument> {
  const app = createApp({ ...fleetInMemory({ enrolments: [] }), log: recordedLog().log })
  const answer = await app.request('/openapi.json')
  return (await answer.json()) as OpenApiDocument
}

const WORDS = ['description', 'summary', 'title', 'example', 'examples', 'tags', 'info', 'servers']

/** The document as a file, a line for each path and each schema. */
export function asReleased(document: OpenApiDocument): string {
  const { paths, components } = withoutWords(document, 'keywords') as OpenApiDocument
  const lines = (named: object = {}): string =>
    Object.entries(named)
      .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(',\n')
  return (
    `{\n  "paths": {\n${lines(paths)}\n  },\n` +
    `  "components": { "schemas": {\n${lines(components?.schemas)}\n  } }\n}\n`
  )
}

/** @param keys whether the keys of this object are keywords of OpenAPI, or names that the API has chosen */
function withoutWords(value: unknown, keys: 'keywords' | 'names'): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutWords(item, 'keywords'))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => keys === 'names' || !WORDS.includes(key))
      .map(([key, held]) => [
        key,
        withoutWords(held, NAMING.includes(key) && keys === 'keywords' ? 'names' : 'keywords'),
      ]),
  )
}

/** Keywords whose value is an object by names. */
const NAMING = ['properties', 'schemas', 'paths']
