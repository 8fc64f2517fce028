import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { debianVersionOf } from '../../../scripts/package/debian-package.js'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')

/** What the version before is called: lower than any that was released. */
export const VERSION_BEFORE = '0.0.1'

/** The path of the package that `npm run package` has made, or with another ending of what it made besides. */
export async function builtPackage(ending = 'deb'): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string }
  const { stdout: architecture } = await run('dpkg', ['--print-architecture'])
  return join(root, 'build', `homeport_${debianVersionOf(version)}_${architecture.trim()}.${ending}`)
}

/**
 * Puts packages into `directory`: what was built into `now/`, and into `before/` the same as an earlier version that
 * came with another sample of the configuration.
 */
export async function layOutPackages(directory: string): Promise<void> {
  const built = await builtPackage()
  const [now, before, tree] = ['now', 'before', 'tree'].map((name) => join(directory, name)) as [string, string, string]
  await mkdir(now)
  await mkdir(before)
  await copyFile(built, join(now, 'homeport_now.deb'))
  await run('dpkg-deb', ['--raw-extract', built, tree])
  const control = join(tree, 'DEBIAN/control')
  await writeFile(control, (await readFile(control, 'utf8')).replace(/^Version: .*/m, `Version: ${VERSION_BEFORE}`))
  const sample = join(tree, 'etc/homeport/homeport.yaml')
  await writeFile(sample, `# As it came with ${VERSION_BEFORE}.\n${await readFile(sample, 'utf8')}`)
  await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, join(before, 'homeport_before.deb')])
}
