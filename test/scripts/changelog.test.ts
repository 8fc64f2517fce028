import { describe, expect, test } from 'vitest'
import { releaseChangelog } from '../../scripts/changelog.js'

const release = (changelog: string, subjects: readonly string[] = [], body = ''): string =>
  releaseChangelog(changelog, {
    version: '0.3.0',
    date: '2027-01-31',
    commits: subjects.map((subject) => ({ subject, body })),
  }).changelog

describe('the section of a release', () => {
  test('is what is written under Unreleased, and an empty Unreleased stands above it', () => {
    expect(
      release('# Changelog\n\n## Unreleased\n\n### Added\n\n- a thing\n\n## 0.2.0 – 2026-11-28\n\n- older\n'),
    ).toBe(
      '# Changelog\n\n## Unreleased\n\n## 0.3.0 – 2027-01-31\n\n### Added\n\n- a thing\n\n## 0.2.0 – 2026-11-28\n\n- older\n',
    )
  })

  test('is the first one where there was none', () => {
    expect(release('# Changelog\n\n## Unreleased\n\n- a thing\n')).toBe(
      '# Changelog\n\n## Unreleased\n\n## 0.3.0 – 2027-01-31\n\n- a thing\n',
    )
  })

  test('is made of the commits where nothing is written', () => {
    const subjects = [
      'fix(store): a row',
      'feat(http): a route',
      'feat!: keys have other names',
      'docs: a page',
      'refactor(fleet): a file',
      'perf: half the time',
      'Merge branch x',
    ]
    expect(release('## Unreleased\n\n## 0.2.0 – 2026-11-28\n', subjects)).toBe(
      [
        '## Unreleased\n',
        '## 0.3.0 – 2027-01-31\n',
        '### Added\n',
        '- a route (http)\n',
        '### Changed\n',
        '- **Breaking**: keys have other names',
        '- half the time\n',
        '### Fixed\n',
        '- a row (store)\n',
        '## 0.2.0 – 2026-11-28\n',
      ].join('\n'),
    )
  })

  test('tells a change that only the body of its commit calls breaking', () => {
    expect(release('## Unreleased\n', ['fix: a word'], 'Why.\n\nBREAKING CHANGE: it was another\n')).toContain(
      '### Changed\n\n- **Breaking**: a word\n',
    )
  })

  test.each([
    ['# Changelog\n', [], 'has no heading "## Unreleased"'],
    ['## Unreleased\n\n- x\n\n## 0.3.0 – 2027-01-01\n', [], 'has a section for 0.3.0 already'],
    ['## Unreleased\n', ['docs: a page'], 'nothing is written under Unreleased'],
  ])('is refused for %j', (changelog, subjects, message) => {
    expect(() => release(changelog, subjects)).toThrow(message)
  })
})
