import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Whose a path is. */
export interface Owner {
  /** The path itself, or the nearest directory above it that may be looked at. */
  readonly path: string
  /** For people: `user homeport`, or `uid 998` where it has no name. */
  readonly name: string
  readonly user?: string
  /** The group whose members are let in as well, where one but that of root is. */
  readonly group?: string
}

/** Whose a file is, so that somebody who may not open it knows who may. */
export async function ownerOf(path: string): Promise<Owner> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return dirname(path) === path ? { path, name: 'another user' } : ownerOf(dirname(path))
  const user = await nameIn('/etc/passwd', found.uid)
  const letsGroupIn = (found.mode & (found.isDirectory() ? GROUP_ENTERS : GROUP_WRITES)) !== 0
  const group = letsGroupIn && found.gid !== 0 ? await nameIn('/etc/group', found.gid) : undefined
  return {
    path,
    ...(user === undefined ? { name: `uid ${found.uid}` } : { name: `user ${user}`, user }),
    ...(group === undefined ? {} : { group }),
  }
}

/** Who connects to a socket has to be permitted to write to it. */
const [GROUP_WRITES, GROUP_ENTERS] = [0o020, 0o010]

/** The name of a user or a group; both files have the number in the third place. */
async function nameIn(file: '/etc/passwd' | '/etc/group', wanted: number): Promise<string | undefined> {
  const lines = await readFile(file, 'utf8').catch(() => '')
  return lines
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === String(wanted))?.[0]
}
