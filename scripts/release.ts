/*
 * `npm run release`: makes a release of what is committed on main. It names CHANGELOG's section, sets the version in
 * package.json and package-lock.json, keeps the OpenAPI document for the next release's comparison, and makes a commit
 * and a tag of it. It pushes nothing.
 *
 *   npm run release                      the version of package.json, where it has no tag yet
 *   npm run release -- 0.3.0             another one
 *   npm run release -- 0.3.0 --dry-run   says what would be done, and changes nothing
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Commit, releaseChangelog } from './changelog.js'

const root = join(import.meta.dirname, '..')

function git(...words: readonly string[]): string {
  return execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim()
}

function read(name: string): string {
  return readFileSync(join(root, name), 'utf8')
}

/** The commits since the last tag of a release; all of them where there is none. */
function commitsSince(tag: string | undefined): readonly Commit[] {
  const range = tag === undefined ? 'HEAD' : `${tag}..HEAD`
  return git('log', '--format=%s%x1f%b%x1e', '--no-merges', range)
    .split('\x1e')
    .map((entry) => entry.trim().split('\x1f'))
    .flatMap(([subject = '', body = '']) => (subject === '' ? [] : [{ subject, body }]))
}

function versionToRelease(asked: string | undefined, tags: readonly string[]): string {
  const { version: current } = JSON.parse(read('package.json')) as { readonly version: string }
  const version = asked ?? current
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) throw new Error(`${version} is no version, such as 0.3.0`)
  if (tags.includes(`v${version}`))
    throw new Error(`v${version} is a tag already; say which version is next: npm run release -- 0.3.0`)
  if (version.localeCompare(current, 'en', { numeric: true }) < 0)
    throw new Error(`${version} is older than ${current} of package.json`)
  return version
}

function refuseUnlessReady(): void {
  const branch = git('branch', '--show-current')
  if (branch !== 'main') throw new Error(`a release is made on main, and this is ${branch || 'no branch'}`)
  const changed = git('status', '--porcelain')
  if (changed !== '') throw new Error(`commit what you have changed, or take it back, first:\n${changed}`)
}

/** The text of a JSON file with the version in it, everything else as it is. */
function withVersion(text: string, version: string, places: number): string {
  let left = places
  return text.replaceAll(/^(\s*"version": ")[^"]*(")/gm, (line, before: string, after: string) => {
    left -= 1
    return left < 0 ? line : `${before}${version}${after}`
  })
}

async function release(asked: string | undefined, { dryRun }: { readonly dryRun: boolean }): Promise<void> {
  refuseUnlessReady()
  const tags = git('tag', '--list', 'v*', '--sort=-version:refname').split('\n').filter(Boolean)
  const version = versionToRelease(asked, tags)
  const { changelog, section } = releaseChangelog(read('CHANGELOG.md'), {
    version,
    date: new Date().toISOString().slice(0, 10),
    commits: commitsSince(tags[0]),
  })
  // Loaded here, because the app takes a second, and what is refused is refused at once.
  const { asReleased, LAST_RELEASE, openApiDocument } = await import('./openapi-document.js')
  const files = {
    'CHANGELOG.md': changelog,
    'package.json': withVersion(read('package.json'), version, 1),
    // Its own version, and that of the package at the root of the tree.
    'package-lock.json': withVersion(read('package-lock.json'), version, 2),
    [LAST_RELEASE]: asReleased(await openApiDocument()),
  }
  process.stdout.write(`${version}, after ${tags[0] ?? 'no release'}:\n\n${section}\n\n`)
  if (dryRun) {
    const changed = Object.entries(files).filter(([name, text]) => read(name) !== text)
    process.stdout.write(`would change ${changed.map(([name]) => name).join(', ')}, and make the tag v${version}\n`)
    return
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
  git('add', '--', ...Object.keys(files))
  git('commit', '--quiet', '-m', `chore(release): ${version}`)
  // Headings of CHANGELOG begin with a sign that git would take for that of a comment.
  git('tag', '--annotate', '--cleanup=verbatim', `v${version}`, '-m', `Homeport ${version}\n\n${section}\n`)
  process.stdout.write(`made the commit and the tag v${version}; to publish them: git push --follow-tags origin main\n`)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'dry-run': { type: 'boolean', default: false } },
})
try {
  await release(positionals[0], { dryRun: values['dry-run'] })
} catch (error) {
  process.stderr.write(`release: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
// What the app keeps for its calls would keep this process, too.
process.exit()
