/*
 * `npm run image`: builds the image of deploy/container/Containerfile on a machine that reaches no registry of images.
 * What the Containerfile begins with is made here: a Debian by debootstrap, and one with a compiler and Node of npm.
 * Both are kept under their names for the next time. buildah does the work, so no engine has to run.
 *
 *   npm run image                          localhost/homeport:VERSION and localhost/homeport:latest
 *   npm run image -- --tag NAME            that name instead
 *   npm run image -- --fresh               with Debian as it is today
 *
 * It needs root and the Debian packages buildah and debootstrap.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** The release of Debian that the Containerfile names as well. */
const RELEASE = 'trixie'
const NPM = '11.21.2'

const BASE_IMAGE = `localhost/debian:${RELEASE}-slim`
const BUILD_IMAGE = `localhost/homeport-builder:${RELEASE}`

/** What debootstrap leaves of its work. */
const NOT_KEPT = ['var/cache/apt/archives', 'var/lib/apt/lists', 'debootstrap']

/** Certificates that this machine trusts: npm may reach its registry through a proxy that speaks TLS itself. */
const TRUSTED_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

const root = join(import.meta.dirname, '..')
const container = join(root, 'deploy/container')

function run(command: string, ...words: readonly string[]): void {
  execFileSync(command, words, { cwd: root, stdio: ['ignore', 2, 2] })
}

/** Runs a command that answers with one line. */
function ask(command: string, ...words: readonly string[]): string {
  return execFileSync(command, words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] }).trim()
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}

function hasImage(name: string): boolean {
  return ask('buildah', 'images', '--quiet', '--filter', `reference=${name}`) !== ''
}

/** Gives `work` a directory that is gone afterwards. */
function inTemporaryDirectory(work: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'homeport-image-'))
  try {
    work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The smallest Debian that debootstrap makes, as an image. */
function makeBaseImage(): void {
  inTemporaryDirectory((directory) => {
    const debian = join(directory, 'debian')
    run('debootstrap', '--variant=minbase', '--include=ca-certificates', RELEASE, debian)
    for (const path of NOT_KEPT) rmSync(join(debian, path), { recursive: true, force: true })
    const working = ask('buildah', 'from', 'scratch')
    try {
      run('buildah', 'copy', '--quiet', working, debian, '/')
      run('buildah', 'commit', '--quiet', working, BASE_IMAGE)
    } finally {
      run('buildah', 'rm', working)
    }
  })
}

function build(file: string, context: string, words: readonly string[]): void {
  const certificates = existsSync(TRUSTED_CERTIFICATES)
    ? ['--volume', `${TRUSTED_CERTIFICATES}:${TRUSTED_CERTIFICATES}:ro`]
    : []
  run(
    'buildah',
    'build',
    '--isolation',
    'chroot',
    '--no-cache',
    '--force-rm',
    ...certificates,
    ...words,
    '--file',
    join(container, file),
    context,
  )
}

/** Debian with a compiler, and with the Node and npm that packages bring to begin with, whatever runs this script. */
function makeBuildImage(): void {
  const { dependencies } = readJson('scripts/package/runtime/package.json') as { dependencies: Record<string, string> }
  const node = `node-linux-${process.arch}`
  inTemporaryDirectory((directory) => {
    const packages = [`${node}@${dependencies[node]}`, `npm@${NPM}`]
    run('npm', 'install', '--prefix', directory, '--ignore-scripts', '--no-save', '--loglevel=error', ...packages)
    const context = join(directory, 'context')
    cpSync(join(directory, 'node_modules', node), join(context, 'node'), { recursive: true })
    cpSync(join(directory, 'node_modules/npm'), join(context, 'npm'), { recursive: true, verbatimSymlinks: true })
    build('Containerfile.builder', context, ['--build-arg', `BASE_IMAGE=${BASE_IMAGE}`, '--tag', BUILD_IMAGE])
  })
}

/** @param names of the image; the first is built, the others are further names of it */
function makeImage(names: readonly string[], version: string): void {
  const values = { BASE_IMAGE, BUILD_IMAGE, VERSION: version }
  // The format of OCI has no health check.
  const words = ['--format', 'docker', '--volume', `${ask('npm', 'config', 'get', 'cache')}:/root/.npm`]
  const buildArguments = Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
  build('Containerfile', root, [...words, ...buildArguments, ...names.flatMap((name) => ['--tag', name])])
}

const { values } = parseArgs({ options: { tag: { type: 'string' }, fresh: { type: 'boolean', default: false } } })
const { version } = readJson('package.json') as { readonly version: string }
const names = values.tag === undefined ? [`localhost/homeport:${version}`, 'localhost/homeport:latest'] : [values.tag]

if (process.getuid?.() !== 0) throw new Error('debootstrap needs root: sudo npm run image')
if (values.fresh || !hasImage(BASE_IMAGE)) makeBaseImage()
if (values.fresh || !hasImage(BUILD_IMAGE)) makeBuildImage()
makeImage(names, version)
process.stdout.write(`${names.join('\n')}\n`)
