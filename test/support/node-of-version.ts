import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const cache = join(import.meta.dirname, '../.build/nodes')

/** A Node beside the one that runs this. */
export interface OtherNode {
  readonly version: string
  /** The program. */
  readonly program: string
  /** Where its headers are, in `include/node`: what `npm_config_nodedir` wants. */
  readonly directory: string
}

/** Brings a version of Node, out of the package of this machine's kind that the npm package `node` installs. */
export async function nodeOfVersion(version: string): Promise<OtherNode> {
  const spec = `node-${process.platform}-${process.arch}@${version}`
  const directory = await unpacked(join(cache, version), spec, ['package/bin', 'package/include'])
  return { version, program: join(directory, 'bin/node'), directory }
}

/** Brings a version of npm. @returns its program, for a Node to run */
export async function npmOfVersion(version: string): Promise<string> {
  return join(await unpacked(join(cache, `npm-${version}`), `npm@${version}`, ['package']), 'bin/npm-cli.js')
}

/**
 * A package of the registry, unpacked once. Another test may do the same at the same time: a directory comes into its
 * place whole, and the first stays.
 */
async function unpacked(directory: string, spec: string, parts: readonly string[]): Promise<string> {
  if (existsSync(directory)) return directory
  await mkdir(cache, { recursive: true })
  const making = await mkdtemp(join(cache, 'making-'))
  try {
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', making, spec])
    await run('tar', ['-xzf', join(making, stdout.trim()), '-C', making, ...parts])
    await rename(join(making, 'package'), directory)
  } catch (error) {
    if (!existsSync(directory)) throw error
  } finally {
    await rm(making, { recursive: true, force: true })
  }
  return directory
}
