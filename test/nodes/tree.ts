import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { OtherNode } from '../support/node-of-version.js'

const run = promisify(execFile)

const repository = join(import.meta.dirname, '../..')
const built = join(repository, 'test/.build')

/** The repository once more, with the packages as this Node needs them. */
export interface Tree {
  readonly directory: string
  /** What a program sees there: this Node before every other one. */
  readonly env: NodeJS.ProcessEnv
}

/**
 * Links what the repository has into a directory of its own, and compiles there what npm would have compiled for this
 * Node: neither `node_modules` nor `dist` of the repository is touched.
 */
export async function treeFor(node: OtherNode): Promise<Tree> {
  const directory = join(built, 'nodes/trees', node.version)
  await rm(directory, { recursive: true, force: true })
  await mkdir(join(directory, 'test'), { recursive: true })
  const list = 'git ls-files -z --cached --others --exclude-standard --deduplicate'
  await shell(`${list} | xargs -0 -r cp --link --parents --target-directory "$0"`, directory)
  await shell('cp --archive --link node_modules "$0"', directory)
  await rm(join(directory, 'node_modules/.vite'), { recursive: true, force: true })
  await symlink(built, join(directory, 'test/.build'))
  const env = {
    ...process.env,
    PATH: [dirname(node.program), ...gypPlaces(), process.env['PATH']].join(delimiter),
    npm_config_nodedir: node.directory,
  }
  const ssh2 = join(directory, 'node_modules/ssh2')
  // Unlinked, not written over: the compiled file is the repository's too.
  await rm(join(ssh2, 'lib/protocol/crypto/build'), { recursive: true, force: true })
  await run(node.program, ['install.js'], { cwd: ssh2, env, maxBuffer: 16 * 1024 * 1024 })
  for (const script of ['scripts/mend-addon.mjs', 'esbuild.config.mjs'])
    await run(node.program, [script], { cwd: directory, env })
  return { directory, env }
}

async function shell(command: string, directory: string): Promise<void> {
  await run('bash', ['-c', `set -o pipefail; ${command}`, directory], { cwd: repository })
}

/** Where npm has node-gyp, which it puts before every program that an install script may call. */
function gypPlaces(): readonly string[] {
  const npm = process.env['npm_execpath']
  const places = npm === undefined ? [] : [join(dirname(npm), 'node-gyp-bin')]
  return places.filter((place) => existsSync(place))
}
