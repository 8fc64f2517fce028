import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Whose a path is. */
export interface Owner {
  /** The path itself, or the nearest directory above it that may be looked at. */
  readonly path: string
  /** For people: `user homeport`, or `uid 998` where it has no name. */
  readonly name: string
  readonly user?: string
}

/** Whose a file is, so that somebody who may not open it knows who may. */
export async function ownerOf(path: string): Promise<Owner> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return dirname(path) === path ? { path, name: 'another user' } : ownerOf(dirname(path))
  const user = await userName(found.uid)
  return user === undefined ? { path, name: `uid ${found.uid}` } : { path, name: `user ${user}`, user }
}

async function userName(uid: number): Promise<string | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === String(uid))?.[0]
}
