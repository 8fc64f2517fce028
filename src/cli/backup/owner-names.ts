import { readFileSync } from 'node:fs'

/** Users and groups of this machine, both ways. */
export interface OwnerNames {
  readonly userOf: (uid: number) => string | undefined
  readonly groupOf: (gid: number) => string | undefined
  readonly uidOf: (user: string) => number | undefined
  readonly gidOf: (group: string) => number | undefined
}

/**
 * Reads the accounts that are local to this machine, where those of services are; Node asks for no others. On another
 * machine the same user most likely has another number, so a backup keeps names.
 */
export function readOwnerNames(directory = '/etc'): OwnerNames {
  const users = namesIn(`${directory}/passwd`)
  const groups = namesIn(`${directory}/group`)
  return {
    userOf: (uid) => users.find(({ number }) => number === uid)?.name,
    groupOf: (gid) => groups.find(({ number }) => number === gid)?.name,
    uidOf: (user) => users.find(({ name }) => name === user)?.number,
    gidOf: (group) => groups.find(({ name }) => name === group)?.number,
  }
}

/** Both files have the name first and the number third. */
function namesIn(file: string): readonly { readonly name: string; readonly number: number }[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => {
    const [name = '', , number = ''] = line.split(':')
    return name !== '' && /^\d+$/.test(number) ? [{ name, number: Number(number) }] : []
  })
}
