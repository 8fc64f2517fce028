/** A commit as `git log` tells it. */
export interface Commit {
  readonly subject: string
  readonly body: string
}

const UNRELEASED = '## Unreleased'

/** Kinds of commits that a reader of CHANGELOG wants to hear of, by the headings under which they stand. */
const HEADINGS = { feat: 'Added', fix: 'Fixed', perf: 'Changed', refactor: undefined } as const

/**
 * CHANGELOG with the section of a version in place of `## Unreleased`, above which an empty one is put. The section
 * holds what is written under Unreleased; where nothing is, it is made of the commits.
 * @param date such as `2026-11-28`
 */
export function releaseChangelog(
  changelog: string,
  { version, date, commits }: { readonly version: string; readonly date: string; readonly commits: readonly Commit[] },
): { readonly changelog: string; readonly section: string } {
  const begin = changelog.indexOf(`${UNRELEASED}\n`)
  if (begin === -1) throw new Error(`CHANGELOG.md has no heading "${UNRELEASED}"`)
  if (changelog.includes(`## ${version} `)) throw new Error(`CHANGELOG.md has a section for ${version} already`)
  const after = changelog.slice(begin + UNRELEASED.length + 1)
  const next = after.search(/^## /m)
  const written = (next === -1 ? after : after.slice(0, next)).trim()
  const section = written === '' ? ofCommits(commits) : written
  if (section === '')
    throw new Error('nothing is written under Unreleased, and no commit since the last tag is a feat, fix or perf')
  const earlier = next === -1 ? '' : after.slice(next)
  return {
    section,
    changelog:
      `${changelog.slice(0, begin)}${UNRELEASED}\n\n` +
      `## ${version} – ${date}\n\n${section}\n${earlier === '' ? '' : `\n${earlier}`}`,
  }
}

/** Items by heading, those that break something first: `- **Breaking**: routes have other names (http)`. */
function ofCommits(commits: readonly Commit[]): string {
  const items = commits.flatMap(({ subject, body }) => {
    const [, kind = '', scope, mark, text = ''] = /^(\w+)(?:\(([^)]*)\))?(!?): (.*)$/.exec(subject) ?? []
    const breaking = mark === '!' || /^BREAKING[ -]CHANGE: /m.test(body)
    const heading = breaking ? 'Changed' : HEADINGS[kind as keyof typeof HEADINGS]
    if (heading === undefined) return []
    const item = `- ${breaking ? '**Breaking**: ' : ''}${text}${scope === undefined ? '' : ` (${scope})`}`
    return [{ heading, breaking, item }]
  })
  return ['Added', 'Changed', 'Fixed']
    .map((heading) => ({ heading, of: items.filter((item) => item.heading === heading) }))
    .filter(({ of }) => of.length > 0)
    .map(({ heading, of }) => {
      const sorted = [...of.filter(({ breaking }) => breaking), ...of.filter(({ breaking }) => !breaking)]
      return `### ${heading}\n\n${sorted.map(({ item }) => item).join('\n')}`
    })
    .join('\n\n')
}
