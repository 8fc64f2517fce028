import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { beforeAll, describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { builtPackage } from './support/packages.js'

const run = promisify(execFile)

type Component = {
  readonly type: string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
}

type Bom = {
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

let text: string
let bom: Bom
beforeAll(async () => {
  text = await readFile(await builtPackage('cdx.json'), 'utf8')
  bom = JSON.parse(text) as Bom
})

describe('the bill of materials', () => {
  it('is CycloneDX', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot5)
    expect(await validator.validate(text)).toBeNull()
    expect(await validator.validate(text.replace('"type": "platform"', '"type": "engine"'))).not.toBeNull()
  })

  it('names the program, what it is made of, and the Node that comes with it', () => {
    expect(bom.metadata.component).toMatchObject({
      name: 'homeport',
      version: packageJson.version,
      type: 'application',
      purl: `pkg:npm/homeport@${packageJson.version}`,
    })
    const versions = new Map(bom.components.map(({ name, version }) => [name, version]))
    expect(Object.fromEntries(versions)).toMatchObject(packageJson.dependencies)
    expect(Object.keys(packageJson.devDependencies).filter((name) => versions.has(name))).toEqual([])
    const node = bom.components.find(({ type }) => type === 'platform')
    expect(node).toMatchObject({ name: expect.stringMatching(/^node-linux-/), version: expect.stringMatching(/^24\./) })
    expect(node?.hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }])
  })

  it('has every package that is in the Debian package', async () => {
    const { stdout } = await run('dpkg-deb', ['--contents', await builtPackage()], { maxBuffer: 16 * 1024 * 1024 })
    const named = bom.components.map(({ name }) => name)
    const there = [...stdout.matchAll(/node_modules\/((?:@[^/\n]+\/)?[^/@\n]+)\/package\.json$/gm)].map(
      ([, name]) => name,
    )
    expect(there.length).toBeGreaterThan(20)
    expect(there.filter((name) => !named.includes(name ?? ''))).toEqual([])
  })

  it('has everything that something depends on', () => {
    const refs = new Set(bom.dependencies.map(({ ref }) => ref))
    expect(bom.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref))).toEqual([])
  })
})
