import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { whyNodeIsTooOld } from '../../src/lib/supported-node.mjs'

const node = (version: string) => ({ version, execPath: '/usr/bin/node' })

describe('the Node that runs the program', () => {
  it.each(['v20.19.0', 'v20.19.1', 'v20.20.0', 'v22.0.0', 'v24.21.0', 'v100.0.0', 'v20.19.0-nightly'])(
    'is new enough as %s',
    (version) => {
      expect(whyNodeIsTooOld('>=20.19', node(version))).toBeUndefined()
    },
  )

  it.each(['v20.18.9', 'v20.9.0', 'v18.20.8', 'v9.99.99', 'v0.12.18'])('is too old as %s', (version) => {
    expect(whyNodeIsTooOld('>=20.19', node(version))).toContain(`>=20.19 is needed, and /usr/bin/node is ${version}`)
  })

  it.each([
    ['>=20', 'v20.0.0', false],
    ['>=20.19.3', 'v20.19.2', true],
    ['>= 22.12.0', 'v22.12.0', false],
    ['>= 22.12.0', 'v22.11.9', true],
  ])('is held against %s as %s', (range, version, tooOld) => {
    expect(whyNodeIsTooOld(range, node(version)) !== undefined).toBe(tooOld)
  })

  it('is held against what package.json says, which is of that form', () => {
    const packageJson = new URL('../../package.json', import.meta.url)
    const { engines } = JSON.parse(readFileSync(packageJson, 'utf8')) as { engines: { node: string } }
    expect(engines.node).toMatch(/^>= ?\d+(\.\d+){0,2}$/)
  })
})
