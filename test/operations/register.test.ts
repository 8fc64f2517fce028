import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { OPERATIONS } from '../../src/operations/register.js'

it('has every file that defines an operation, under the name of the file', () => {
  const room = new URL('../../src/operations/', import.meta.url)
  const defining = readdirSync(room).filter((file) =>
    /^export const \w+ = defineOperation\(/m.test(readFileSync(new URL(file, room), 'utf8')),
  )
  expect(OPERATIONS.map(({ name }) => `${name}.ts`).toSorted()).toEqual(defining.toSorted())
})
