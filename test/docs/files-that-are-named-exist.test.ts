import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** But for what the tests have built, which is no part of the repository. */
const filesIn = (directory: string): readonly string[] =>
  readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const name = join(directory, entry.name)
    if (entry.name === '.build') return []
    return entry.isDirectory() ? [name, ...filesIn(name)] : [name]
  })

const files = [...['src', 'test', 'deploy', 'config'].flatMap(filesIn), ...readdirSync(root)]
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...filesIn('docs').filter((name) => name.endsWith('.md'))]

const text = (page: string): string => readFileSync(join(root, page), 'utf8')

/** Whether there is a file of this name, which may be the end of a path and have `*` for any letters. */
function isThere(name: string): boolean {
  const pattern = new RegExp(`(?:^|/)${name.split('*').map(escaped).join('[^/]*')}$`)
  return files.some((file) => pattern.test(file))
}

function escaped(part: string): string {
  return part.replaceAll(/[.\\+?^$(){}[\]|]/g, '\\$&')
}

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

describe('what the pages name', () => {
  it.each(['CONTRIBUTING.md', 'docs/how-it-works.md', 'docs/internals.md'])('in the source is there: %s', (page) => {
    const named = [...text(page).matchAll(/`((?!\/)[\w./*-]+\.(?:ts|mjs|json))`/g)].map(([, name = '']) => name)
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !isThere(name))).toEqual([])
  })

  it.each(pages)('by a link is there: %s', (page) => {
    const broken = [...text(page).matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)]
      .map(([, path = '', anchor = '']) => ({ target: path === '' ? page : join(page, '..', path), anchor }))
      .filter(({ target, anchor }) => {
        if (!existsSync(join(root, target))) return true
        if (anchor === '') return false
        const headings = [...text(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))
        return !headings.includes(anchor)
      })
    expect(broken).toEqual([])
  })
})
