import { readFileSync, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A user of this machine, as permissions see one. */
export interface Account {
  /** For people: its name, or `uid 998`. */
  readonly name: string
  readonly uid: number
  /** For people: the name of its first group, or its number. */
  readonly group: string
  readonly gids: ReadonlySet<number>
}

/** What modes are judged by. */
type Permitted = Pick<Account, 'uid' | 'gids'>

/** Permissions in a class of a mode. */
const [READ, WRITE, SEARCH] = [4, 2, 1] as const
export const MAY = { read: READ, write: WRITE, search: SEARCH } as const

const linesOf = (file: string): readonly (readonly string[])[] => {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
  } catch {
    return []
  }
}

/** The user of this number, with the groups that /etc/passwd and /etc/group give it. */
export function accountOf(uid: number): Account {
  const entry = linesOf('/etc/passwd').find(([, , id]) => id === String(uid))
  const [name, , , gid] = entry ?? []
  const known = linesOf('/etc/group')
  const groups = known.filter(([, , , members = '']) => name !== undefined && members.split(',').includes(name))
  const [group = gid ?? String(uid)] = known.find(([, , id]) => id !== undefined && id === gid) ?? []
  return {
    name: name ?? `uid ${uid}`,
    uid,
    group,
    gids: new Set([gid, ...groups.map(([, , id]) => id)].filter((id) => id !== undefined).map(Number)),
  }
}

/** The user of this name; undefined where there is none. */
export function accountNamed(name: string): Account | undefined {
  const [, , uid] = linesOf('/etc/passwd').find(([known]) => known === name) ?? []
  return uid === undefined ? undefined : accountOf(Number(uid))
}

/**
 * The path, or the directory on the way to it, that keeps an account from it: undefined where nothing does.
 * Modes and owners decide; what this process itself may not look at throws, with a code.
 */
export async function obstacleFor(account: Permitted, path: string, wanted: number): Promise<string | undefined> {
  if (account.uid === 0) return undefined
  const above = dirname(path)
  const earlier = above === path ? undefined : await obstacleFor(account, above, MAY.search)
  if (earlier !== undefined) return earlier
  return allows(await stat(path), account, wanted) ? undefined : path
}

function allows({ mode, uid, gid }: Stats, account: Permitted, wanted: number): boolean {
  const granted = uid === account.uid ? mode >> 6 : account.gids.has(gid) ? mode >> 3 : mode
  return (granted & wanted) === wanted
}
