import { statSync } from 'node:fs'
import { join } from 'node:path'

/** Where a bridge answers the commands of its own host. */
export function bridgeSocketIn(directory: string): string {
  return join(directory, 'homeport.sock')
}

/** Where the bridge of the package's unit answers, whatever its configuration says: `RuntimeDirectory=homeport`. */
export const SERVICE_SOCKET = bridgeSocketIn('/run/homeport')

/** A socket on which the bridge is to answer operators. */
export interface OperatorSocket {
  readonly path: string
  /** Whether the group of its owner may open it too. */
  readonly group: boolean
  /** What says where it is. */
  readonly from: 'data-dir' | 'RUNTIME_DIRECTORY'
}

/** Where systemd says which directory a service has in /run, and to which process. */
interface ServiceEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
}

/** The permissions of the group and of everybody to write. */
const WRITABLE_BY_OTHERS = 0o022

/**
 * The sockets of a bridge: that in its data-dir, which its user alone may open, and that in its runtime directory
 * (RUNTIME_DIRECTORY, systemd.exec(5)), which its group may open too. Commands find the second without any
 * configuration.
 *
 * @returns `unsafe`: the runtime directory when others may write there, and so put another socket in the place of ours
 */
export function operatorSockets(
  dataDir: string,
  service: ServiceEnvironment = process,
): { readonly sockets: readonly OperatorSocket[]; readonly unsafe?: string } {
  const own = { path: bridgeSocketIn(dataDir), group: false, from: 'data-dir' } as const
  const directory = runtimeDirectory(service)
  if (directory === undefined || bridgeSocketIn(directory) === own.path) return { sockets: [own] }
  if (othersMayWrite(directory)) return { sockets: [own], unsafe: directory }
  return { sockets: [own, { path: bridgeSocketIn(directory), group: true, from: 'RUNTIME_DIRECTORY' }] }
}

/** The first that systemd made for this very process; a program that a service starts inherits the variable. */
function runtimeDirectory({ env, pid }: ServiceEnvironment): string | undefined {
  const { RUNTIME_DIRECTORY: directories = '', SYSTEMD_EXEC_PID: meant = String(pid) } = env
  const [first = ''] = directories.split(':')
  return first === '' || meant !== String(pid) ? undefined : first
}

/** A directory that is not there is told of when the socket cannot be made. */
function othersMayWrite(directory: string): boolean {
  const found = statSync(directory, { throwIfNoEntry: false })
  return found !== undefined && (found.mode & WRITABLE_BY_OTHERS) !== 0
}
