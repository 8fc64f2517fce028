import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

const cache = fileURLToPath(new URL('../../.build/', import.meta.url))

/** Releases of Debian that there can be a root directory of. */
export type Release = 'bookworm' | 'trixie'

/** Bytes that a command may write. */
const MOST_OUTPUT = 16 * 1024 * 1024

/**
 * The root directory of a smallest Debian with some packages, made where it is not there yet: that takes a minute or
 * two, root, and a mirror of Debian.
 *
 * @param afterwards lines of a shell, run in it once it is made
 */
export async function debianRoot(release: Release, packages: readonly string[], afterwards?: string): Promise<string> {
  const contents = createHash('sha256')
    .update(packages.join())
    .update(afterwards ?? '')
    .digest('hex')
    .slice(0, 8)
  const root = `${cache}debian-${release}-${contents}`
  if (existsSync(root)) return root
  const unfinished = `${root}.${process.pid}`
  await mkdir(cache, { recursive: true })
  const wanted = ['--variant=minbase', `--include=${packages.join(',')}`, release, unfinished]
  try {
    await run(...asRoot('debootstrap', wanted), { maxBuffer: MOST_OUTPUT })
    if (afterwards !== undefined)
      await run(...asRoot('chroot', [unfinished, '/bin/sh', '-ec', afterwards]), { maxBuffer: MOST_OUTPUT })
  } catch (error) {
    await run(...asRoot('rm', ['-rf', '--one-file-system', unfinished]))
    throw new Error('debootstrap could not make a Debian: it needs root and a mirror of Debian', { cause: error })
  }
  await rename(unfinished, root).catch(async (error: unknown) => {
    // Another test has made it meanwhile.
    if (!existsSync(root)) throw error
    await rm(unfinished, { recursive: true, force: true })
  })
  return root
}

/** A program and its words, run as root; whoever is not and may not become it is told by sudo. */
export function asRoot(program: string, words: readonly string[] = []): [string, string[]] {
  return process.getuid?.() === 0 ? [program, [...words]] : ['sudo', ['-n', program, ...words]]
}
