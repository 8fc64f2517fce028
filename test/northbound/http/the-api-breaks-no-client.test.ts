import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { breakingChanges, notTold, type OpenApiDocument } from '../../../scripts/api-compatibility.js'
import { asReleased, LAST_RELEASE, openApiDocument } from '../../../scripts/openapi-document.js'

const root = join(import.meta.dirname, '../../..')
const released = JSON.parse(readFileSync(join(root, LAST_RELEASE), 'utf8')) as OpenApiDocument
const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
const now = await openApiDocument()

test('there is something to compare', () => {
  expect(Object.keys(released.paths).length).toBeGreaterThan(30)
  expect(Object.keys(released.components?.schemas ?? {}).length).toBeGreaterThan(30)
})

test('what breaks clients since the last release stands in CHANGELOG as **Breaking**, with the name that is told here', () => {
  expect(notTold(breakingChanges(released, now), changelog)).toEqual([])
})

test('what a release keeps of the document is all that a comparison needs', () => {
  const kept = JSON.parse(asReleased(now)) as OpenApiDocument
  expect(breakingChanges(now, kept)).toEqual([])
  expect(breakingChanges(kept, now)).toEqual([])
})
