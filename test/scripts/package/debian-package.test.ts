import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { debianVersionOf } from '../../../scripts/package/debian-package.js'

describe('the version of the Debian package', () => {
  it.each([
    ['0.2.0', '0.3.0-rc.1'],
    ['0.3.0-rc.1', '0.3.0-rc.2'],
    ['0.3.0-rc.2', '0.3.0'],
    ['0.9.0', '0.10.0'],
  ])('of %s is below that of %s, as dpkg sees it', (before, after) => {
    const words = ['--compare-versions', debianVersionOf(before), 'lt', debianVersionOf(after)]
    expect(() => execFileSync('dpkg', words)).not.toThrow()
  })
})
