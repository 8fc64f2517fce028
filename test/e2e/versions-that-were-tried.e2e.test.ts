import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { sectionsOf } from '../support/page-blocks.js'
import { rowsOf } from '../support/page-table.js'

/** The release whose versions docs/supported.md has. */
const RELEASE = 12

/** Without epoch, revision, and what Debian has repacked. */
function upstreamVersion(version: string): string {
  return version
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/\+.*$/, '')
}

it('docs/supported.md has the versions that the tests run with', () => {
  const rows = sectionsOf('supported.md')
    .filter(({ heading }) => heading === 'Devices' || heading === 'Clients')
    .flatMap(rowsOf)
  const said = rows.flatMap(([, version = '', name = '']) => {
    const [, debian] = /`(.*)`/.exec(name) ?? []
    return debian === undefined ? [] : [{ debian, version: version.replace(/^\D+ (?=\d)/, '') }]
  })
  expect(said.length).toBeGreaterThan(15)
  const installed = said.map(({ debian }) => ({
    debian,
    version: upstreamVersion(execFileSync('dpkg-query', ['-W', '-f', '${Version}', debian], { encoding: 'utf8' })),
  }))
  // Chromium gets a new version each month.
  const lasting = (each: { readonly debian: string }): boolean => each.debian !== 'chromium'
  if (Number.parseInt(readFileSync('/etc/debian_version', 'utf8'), 10) === RELEASE)
    expect(said.filter(lasting)).toEqual(installed.filter(lasting))
})
