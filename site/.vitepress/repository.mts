import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, extname, join, normalize } from 'node:path'

/** The repository, whose pages these are. */
export const ROOT = join(import.meta.dirname, '../..')

/** Every Markdown file that is a page, by its path in the repository. */
export function pagesOfRepository(): readonly string[] {
  const own = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md']
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  return [...own, ...docs.map((name) => `docs/${name}`)]
}

/** Where a page is on the site: those of docs/ at its top, with the index of docs/ as the first. */
export function addressOf(page: string): string {
  if (page === 'docs/README.md') return '/'
  if (page === 'README.md') return '/overview'
  const name = page.replace(/^docs\//, '').replace(/\.md$/, '')
  return `/${page.startsWith('docs/') ? name : name.toLowerCase()}`
}

/** Where a file that is no page is shown: `config/homeport.example.yaml` at `/repository/config-homeport-example-yaml`. */
export function addressOfFile(file: string): string {
  return `/repository/${file.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-|-$/g, '').toLowerCase()}`
}

/** Where a link of a page leads on the site; undefined for one that leaves the repository, or stays on its page. */
export function addressOfLink(page: string, href: string): string | undefined {
  if (/^([a-z][a-z0-9+.-]*:|\/\/|#)/i.test(href)) return undefined
  const [path = '', ...anchor] = href.split('#')
  const target = normalize(join(dirname(page), decodeURI(path))).replace(/\/$/, '')
  if (target.startsWith('..') || !existsSync(join(ROOT, target)))
    throw new Error(`${page}: the link ${href} leads to ${target}, which is not there`)
  const address = pagesOfRepository().includes(target) ? addressOf(target) : addressOfFile(target)
  return [address, ...anchor].join('#')
}

/** The files and directories that pages link to and that are no pages, with what is in the directories. */
export function linkedFiles(): readonly string[] {
  const pages = pagesOfRepository()
  const found = new Set<string>()
  const add = (target: string): void => {
    if (pages.includes(target) || found.has(target) || !existsSync(join(ROOT, target))) return
    found.add(target)
    if (!statSync(join(ROOT, target)).isDirectory()) return
    for (const name of readdirSync(join(ROOT, target))) add(join(target, name))
  }
  for (const page of pages)
    for (const [, href = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(/(?<!!)\[[^\]]*\]\(([^)\s]+)\)/g)) {
      if (/^([a-z][a-z0-9+.-]*:|#)/i.test(href)) continue
      add(normalize(join(dirname(page), href.split('#')[0] ?? '')).replace(/\/$/, ''))
    }
  return [...found].toSorted()
}

const LANGUAGES: Readonly<Record<string, string>> = {
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
  '.ts': 'ts',
  '.mjs': 'js',
  '.py': 'python',
  '.sh': 'sh',
  '.service': 'ini',
  '.socket': 'ini',
  '.md': 'md',
}

/** A page that shows a file of the repository as it is, or what is in a directory. */
export function pageOfFile(file: string): string {
  const path = join(ROOT, file)
  const title = `# ${file}\n\n`
  if (statSync(path).isDirectory())
    return title + readdirSync(path).map((name) => `- [${name}](${addressOfFile(join(file, name))})\n`).join('')
  // From site/repository/, where the page stands.
  if (/\.(svg|png)$/.test(file)) return `${title}![${file}](../../${file})\n`
  const text = readFileSync(path, 'utf8')
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)))
  return `${title}${fence}${LANGUAGES[extname(file)] ?? 'txt'}\n${text.trimEnd()}\n${fence}\n`
}
