import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BundledNode } from './lay-out-program.js'

/** What we read and change of a CycloneDX document; the rest stays as npm writes it. */
type Bom = {
  serialNumber?: string
  metadata: { timestamp: string; component: Component }
  components: Component[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

type Component = {
  readonly 'bom-ref': string
  readonly type: string
  readonly name: string
  readonly version: string
  readonly [more: string]: unknown
}

/**
 * The CycloneDX document of a program that was laid out: what npm says of the packages that are there, and the Node
 * that comes with them. The same program gives the same document.
 */
export function billOfMaterials(of: {
  readonly program: string
  readonly node: BundledNode
  readonly at: Date
}): string {
  const { program, node, at } = of
  // Of all packages: `--omit=dev` leaves out some that tools need as well.
  const words = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only']
  const bom = JSON.parse(
    execFileSync('npm', words, { cwd: program, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }),
  ) as Bom
  const { component } = bom.metadata
  const bundled = nodeComponent(node)
  const there = new Set([...packagesIn(program), component['bom-ref'], bundled['bom-ref']])
  const dependencies = [
    ...bom.dependencies.map(({ ref, dependsOn }) => ({
      ref,
      dependsOn: ref === component['bom-ref'] ? [...dependsOn, bundled['bom-ref']] : dependsOn,
    })),
    { ref: bundled['bom-ref'], dependsOn: [] },
  ]
  const stable = {
    ...bom,
    serialNumber: undefined,
    // npm names the program after the directory that it stands in.
    metadata: { ...bom.metadata, timestamp: at.toISOString(), component: { ...component, name: 'homeport' } },
    components: [...bom.components, bundled].filter((part) => there.has(part['bom-ref'])),
    dependencies: dependencies
      .filter(({ ref }) => there.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => there.has(other)) })),
  }
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(stable))}`
  return `${JSON.stringify({ ...stable, serialNumber }, undefined, 2)}\n`
}

/** The packages of the lock that are there, as npm refers to them: `name@version`. */
function packagesIn(program: string): readonly string[] {
  const lock = JSON.parse(readFileSync(join(program, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string }>>
  }
  return Object.entries(lock.packages)
    .filter(([path]) => path !== '' && existsSync(join(program, path)))
    .map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`)
}

function nodeComponent({ package: name, version, integrity }: BundledNode): Component {
  const [algorithm = '', hash = ''] = integrity.split('-')
  return {
    'bom-ref': `${name}@${version}`,
    type: 'platform',
    name,
    version,
    scope: 'required',
    description: 'The Node.js that runs it, with the libraries that are linked into it, OpenSSL among them.',
    purl: `pkg:npm/${name}@${version}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:lts:*:*:*`,
    hashes: [
      {
        alg: algorithm.replace(/^sha/, 'SHA-'),
        // npm has it in base64, CycloneDX in hexadecimal digits.
        content: Buffer.from(hash, 'base64').toString('hex'),
      },
    ],
    licenses: [{ license: { id: 'MIT' } }],
  }
}

/** A UUID that is made of a text (version 8 of RFC 9562). */
function uuidOf(text: string): string {
  const digest = createHash('sha256').update(text).digest()
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x80, 6)
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8)
  return digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
