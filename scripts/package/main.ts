/*
 * `npm run package`: makes, of this machine's architecture,
 *
 *   build/homeport_VERSION_ARCH.deb          the Debian package, which brings its own Node
 *   build/homeport_VERSION_ARCH.cdx.json     what is in it (CycloneDX)
 *   build/program/                           what both are made of: bin/node, dist/, node_modules/
 *
 * It needs the Debian packages debhelper and build-essential, python3 and npm.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../src/app/package-info.js'
import { billOfMaterials } from './bill-of-materials.js'
import { makeDebianPackage } from './debian-package.js'
import { layOutProgram } from './lay-out-program.js'
import { manPage } from './man-page.js'
import { timeOfSource } from './time-of-source.js'

const root = join(import.meta.dirname, '../..')
const build = join(root, 'build')

/** Makes all of it. @returns the paths of what is to be handed on */
async function makePackages(): Promise<readonly string[]> {
  const at = timeOfSource(root)
  const program = join(build, 'program')
  rmSync(program, { recursive: true, force: true })
  const { node } = layOutProgram({ root, program, cache: join(build, 'runtime') })
  const bom = billOfMaterials({ program, node, at })
  return makeDebianPackage({ root, program, build, bom, at, manPage: await manPage(version, at) })
}

try {
  process.stdout.write(`${(await makePackages()).join('\n')}\n`)
} catch (error) {
  process.stderr.write(`package: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
// What the program's commands have loaded would keep this process, too.
process.exit()
