import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { annotatedExample } from '../../src/config/annotated-example.js'

const root = join(import.meta.dirname, '../..')

it('the annotated example is named by a path that is there', () => {
  expect(annotatedExample(root)).toBe('config/homeport.example.yaml')
  // From elsewhere, as where npm has installed the program.
  expect(annotatedExample('/')).toBe(join(root, 'config/homeport.example.yaml'))
  expect(existsSync(annotatedExample('/'))).toBe(true)
})

it('and where there is none, as in the image, nobody looks for it here', () => {
  expect(annotatedExample('/', ['nowhere.yaml'])).toBe('config/homeport.example.yaml of the source')
})
