import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GROUPS } from '../../site/.vitepress/pages.mjs'

const root = join(import.meta.dirname, '../..')
const ordered = GROUPS.flatMap(({ pages }) => pages.map(([page]) => page))
const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))

test('every page stands in the order of the site, site/.vitepress/pages.mts', () => {
  expect(pages.map((name) => `docs/${name}`).filter((page) => !ordered.includes(page))).toEqual([])
  expect(ordered.length).toBe(new Set(ordered).size)
})

test('the order of the site has no page that is not there', () => {
  expect(ordered.filter((page) => !existsSync(join(root, page)))).toEqual([])
})

test('every page is in the index of the documentation, docs/README.md', () => {
  const index = readFileSync(join(root, 'docs/README.md'), 'utf8')
  expect(pages.filter((name) => name !== 'README.md' && !index.includes(`](${name})`))).toEqual([])
})

test('the package of the site brings nothing into that of the bridge', () => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  expect(lock).not.toContain('"node_modules/vitepress"')
  expect(existsSync(join(root, 'site/package-lock.json'))).toBe(true)
})

test('no page links to the reader’s own machine, which the site takes for a dead link', () => {
  const own = /(?:<|\]\()https?:\/\/(?:localhost|127\.|\[::1\])/
  expect(pages.filter((name) => own.test(readFileSync(join(root, 'docs', name), 'utf8')))).toEqual([])
})
