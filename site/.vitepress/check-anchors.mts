import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Fails the build for a link within the site whose page or heading is not there. */
export function checkAnchors(outDir: string, base: string): void {
  const files = readdirSync(outDir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
  const texts = new Map(files.map((file) => [file, readFileSync(join(outDir, file), 'utf8')]))
  const broken: string[] = []
  for (const [file, text] of texts)
    for (const [, href = ''] of text.matchAll(/<a [^>]*href="([^"]*)"/g)) {
      const [path = '', anchor = ''] = href.split('#')
      if (!(path.startsWith(base) || path === '') || path.startsWith('//')) continue
      const target = path === '' ? file : fileOf(path.slice(base.length))
      const page = texts.get(target)
      if (page === undefined ? !existsSync(join(outDir, target)) : !hasAnchor(page, anchor)) broken.push(`${file}: ${href}`)
    }
  if (broken.length > 0) throw new Error(`links that lead nowhere:\n${broken.join('\n')}`)
}

function fileOf(path: string): string {
  if (path === '' || path.endsWith('/')) return `${path}index.html`
  return /\.\w+$/.test(path) ? path : `${path}.html`
}

function hasAnchor(page: string, anchor: string): boolean {
  return anchor === '' || page.includes(`id="${decodeURIComponent(anchor)}"`)
}
