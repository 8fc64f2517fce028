import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import GithubSlugger from 'github-slugger'
import { defineConfig } from 'vitepress'
import { checkAnchors } from './check-anchors.mjs'
import { contentSecurityPolicy } from './content-security-policy.mjs'
import { GROUPS } from './pages.mjs'
import { addressOf, addressOfLink, pagesOfRepository, ROOT } from './repository.mjs'

const pages = pagesOfRepository()
const known = GROUPS.flatMap(({ pages: inGroup }) => inGroup.map(([page]) => page))
const forgotten = pages.filter((page) => !known.includes(page))
if (forgotten.length > 0) throw new Error(`site/.vitepress/pages.mts lacks ${forgotten.join(', ')}`)

/** What else is in the repository, or is made there, such as by `npm run package`: no page is in it. */
const otherDirectories = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['docs', 'site'].includes(entry.name))
  .map(({ name }) => name)

/** Below which path the site is served; `DOCS_BASE=/homeport/ npm run docs` for a project's page on GitHub. */
const base = process.env['DOCS_BASE'] ?? '/'

export default defineConfig({
  lang: 'en',
  title: 'Homeport',
  description: 'A NETCONF Call Home bridge: devices behind NAT dial in, every NMS reaches them as ordinary NETCONF servers.',
  base,
  srcDir: ROOT,
  srcExclude: [...otherDirectories.map((name) => `${name}/**`), 'site/node_modules/**', 'site/*.md'],
  outDir: join(ROOT, 'site/dist'),
  cacheDir: join(ROOT, 'site/node_modules/.cache'),
  rewrites: {
    'docs/README.md': 'index.md',
    'README.md': 'overview.md',
    'docs/:page.md': ':page.md',
    'CONTRIBUTING.md': 'contributing.md',
    'SECURITY.md': 'security.md',
    'CHANGELOG.md': 'changelog.md',
    'site/repository/:file.md': 'repository/:file.md',
  },
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}favicon.svg` }],
    ['meta', { name: 'referrer', content: 'no-referrer' }],
  ],
  vite: {
    publicDir: join(ROOT, 'site/public'),
    server: { fs: { allow: [ROOT] } },
    plugins: [
      {
        // Pages are outside of this package, and would look for what renders them beside themselves.
        name: 'vue-of-this-package',
        enforce: 'pre',
        resolveId(id, importer, options) {
          if (!/^(vue|@vue\/[\w-]+)(\/|$)/.test(id)) return undefined
          if (options.ssr === true) return { id, external: true }
          if (importer?.includes('/node_modules/') === true) return undefined
          return this.resolve(id, import.meta.filename, { ...options, skipSelf: true })
        },
      },
    ],
  },
  markdown: {
    // The anchors that GitHub makes of headings, so that a link is right in both places.
    anchor: { slugify: (heading) => new GithubSlugger().slug(heading) },
    config: (markdown) => {
      // What scripts leave in the pages for themselves.
      markdown.core.ruler.before('normalize', 'no-comments', (state) => {
        if (!state.src.includes('@content')) state.src = state.src.replaceAll(/^<!--.*-->$/gm, '')
      })
      markdown.core.ruler.push('links-of-the-repository', ({ tokens, env }) => {
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.type === 'link_open' ? token.attrGet('href') : null
          const page = sourcePage(env)
          const address = href === null || page === undefined ? undefined : addressOfLink(page, href)
          if (address !== undefined) token.attrSet('href', address)
        }
      })
    },
  },
  transformHtml: (html) => contentSecurityPolicy(html),
  buildEnd: ({ outDir }) => checkAnchors(outDir, base),
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: GROUPS.map(({ text, pages: inGroup }) => ({
      text,
      items: inGroup
        .filter(([page]) => pages.includes(page))
        .map(([page, title]) => ({ text: title, link: addressOf(page) })),
    })),
    docFooter: { prev: 'Before', next: 'Next' },
  },
})

/** The page of the repository that is rendered; undefined for a file that is shown as it is. */
function sourcePage(env: { readonly path?: string; readonly realPath?: string }): string | undefined {
  const page = (env.realPath ?? env.path)?.slice(ROOT.length + 1)
  return page !== undefined && pages.includes(page) ? page : undefined
}
