import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What keeps a bridge running, and so has it read its configuration again, restart, or have more files. */
export type Keeper = 'systemd' | 'container' | 'nobody'

const UNIT = 'homeport.service'
const PLACES_OF_UNITS = ['etc/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system']
/** Docker and Podman leave one of them. */
const MARKS_OF_CONTAINERS = ['.dockerenv', 'run/.containerenv']

/** What keeps this process; undefined stands for the bridge that would be started here. @param root for tests */
export function keeperOf(pid: number | undefined, root = '/'): Keeper {
  const byUnit = pid === undefined ? isUnitHere(root) : isInUnit(pid, root)
  if (byUnit) return 'systemd'
  const inContainer =
    MARKS_OF_CONTAINERS.some((mark) => existsSync(join(root, mark))) ||
    existsSync(join(root, 'var/run/secrets/kubernetes.io'))
  return inContainer ? 'container' : 'nobody'
}

function isUnitHere(root: string): boolean {
  return (
    existsSync(join(root, 'run/systemd/system')) && PLACES_OF_UNITS.some((place) => existsSync(join(root, place, UNIT)))
  )
}

function isInUnit(pid: number, root: string): boolean {
  try {
    return readFileSync(join(root, 'proc', String(pid), 'cgroup'), 'utf8').includes(`/${UNIT}`)
  } catch {
    return false
  }
}

/** The command that has a running bridge read its configuration again. */
export function reloadCommand({ pid, uid }: { readonly pid: number; readonly uid: number | null }): string {
  const words: Readonly<Record<Keeper, string>> = {
    systemd: 'sudo systemctl reload homeport',
    container: 'docker kill --signal HUP CONTAINER',
    nobody: `${isMine(uid) ? '' : 'sudo '}kill -HUP ${pid}`,
  }
  return words[keeperOf(pid)]
}

/** The command that starts the bridge. @param ofService whether it is that of the package's unit, where there is one */
export function startCommand(ofService: boolean, root = '/'): string {
  return ofService && keeperOf(undefined, root) === 'systemd' ? 'sudo systemctl start homeport' : 'homeport serve'
}

function isMine(uid: number | null): boolean {
  const mine = process.getuid?.()
  return mine === 0 || mine === uid
}
