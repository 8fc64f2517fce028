import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { completionScript, type Shell, SHELLS } from '../../src/cli/completion/scripts.js'

/** Which package is made of what. */
export type DebianSource = {
  readonly root: string
  /** What `layOutProgram` has laid out. */
  readonly program: string
  /** Where the package goes, and what is written on the way. */
  readonly build: string
  /** The CycloneDX document. */
  readonly bom: string
  readonly at: Date
  /** homeport(1), as roff. */
  readonly manPage: string
}

/** The names by which shells find what completes `homeport`. */
const COMPLETION_FILES: Readonly<Record<Shell, string>> = {
  bash: 'homeport',
  zsh: '_homeport',
  fish: 'homeport.fish',
}

/** The files in `deploy/systemd` by the names under which debhelper finds them. */
const SYSTEMD_FILES = {
  'homeport.service': 'homeport.service',
  'homeport-endpoint.socket': 'homeport.homeport-endpoint.socket',
  'homeport.sysusers': 'homeport.sysusers',
  'homeport.tmpfiles': 'homeport.tmpfiles',
}

/** What `homeport.docs` and `homeport.examples` take their files from: the pages, and what they link to. */
const PAGES_AND_EXAMPLES = [
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'docs',
  'config',
  'deploy/ansible',
  'deploy/compose',
  'deploy/kubernetes',
  'deploy/monitoring',
]

const MAINTAINER = 'Homeport maintainers <maintainers@homeport.example>'

/**
 * Makes the Debian package of a program that was laid out, by debhelper as `deploy/debian/rules` tells it.
 *
 * @returns the paths of the package and of its bill of materials
 */
export function makeDebianPackage({ root, program, build, bom, at, manPage }: DebianSource): readonly string[] {
  const source = join(build, 'debian-source')
  rmSync(source, { recursive: true, force: true })
  mkdirSync(source, { recursive: true })
  for (const path of PAGES_AND_EXAMPLES) cpSync(join(root, path), join(source, path), { recursive: true })
  cpSync(join(root, 'deploy/debian'), join(source, 'debian'), { recursive: true })
  for (const [file, name] of Object.entries(SYSTEMD_FILES))
    cpSync(join(root, 'deploy/systemd', file), join(source, 'debian', name))
  cpSync(program, join(source, 'program'), { recursive: true })
  writeFileSync(join(source, 'homeport.cdx.json'), bom)
  writeFileSync(join(source, 'homeport.1'), manPage)
  mkdirSync(join(source, 'completion'))
  for (const shell of SHELLS)
    writeFileSync(join(source, 'completion', COMPLETION_FILES[shell]), completionScript(shell))

  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }
  const debianVersion = debianVersionOf(version)
  writeFileSync(join(source, 'debian/changelog'), debianChangelog(debianVersion, at))
  buildPackage(source, { ...process.env, SOURCE_DATE_EPOCH: String(Math.floor(at.getTime() / 1000)) })
  const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()
  const name = join(build, `homeport_${debianVersion}_${architecture}`)
  writeFileSync(`${name}.cdx.json`, bom)
  return [`${name}.deb`, `${name}.cdx.json`]
}

/** A pre-release is older than its release, which Debian says by a tilde. */
export function debianVersionOf(version: string): string {
  return version.replace('-', '~')
}

/** What debhelper takes the version and the maintainer from. What has changed stands in CHANGELOG.md. */
function debianChangelog(version: string, at: Date): string {
  const date = at.toUTCString().replace('GMT', '+0000')
  return [
    `homeport (${version}) unstable; urgency=medium`,
    '',
    `  * Version ${version}: see CHANGELOG.md beside this file.`,
    '',
    ` -- ${MAINTAINER}  ${date}`,
    '',
  ].join('\n')
}

function buildPackage(source: string, env: NodeJS.ProcessEnv): void {
  const command = ['--build=binary', '--no-sign', '--no-pre-clean']
  const built = spawnSync('dpkg-buildpackage', command, { cwd: source, env, encoding: 'utf8' })
  if (built.error !== undefined)
    throw new Error('dpkg-buildpackage cannot be run: apt-get install debhelper', { cause: built.error })
  if (built.status !== 0) throw new Error(`dpkg-buildpackage failed:\n${built.stdout}\n${built.stderr}`)
}
