import type { AddressInfo, Server } from 'node:net'
import { hostAndPort } from '../net/source.js'
import type { Log } from '../telemetry/log.js'
import { StartError } from './start-error.js'

export interface ListenTarget {
  /** The configuration key that this address came from, for errors. */
  readonly key: string
  /**
   * The name of a socket that systemd may hand over (`FileDescriptorName=`). A further port has none, because its key
   * is a list.
   */
  readonly socketName?: string
  readonly address: string
  readonly port: number
  /** What switches this listener off, where it can be. */
  readonly off?: string
}

/** Where systemd says which sockets it hands over, and to which process. */
export interface ServiceEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
}

/** The first file descriptor of sockets that systemd hands over (sd_listen_fds(3)). */
const FIRST_INHERITED_DESCRIPTOR = 3

/**
 * Makes a server listen on a socket that systemd handed over under this name, or else on the configured address.
 * @returns the bound address, `address:port`
 */
export async function listen(
  server: Server,
  target: ListenTarget,
  { env, pid }: ServiceEnvironment = process,
): Promise<string> {
  const { socketName } = target
  const descriptor = socketName === undefined ? undefined : inheritedDescriptor(socketName, env, pid)
  if (descriptor !== undefined) await bind(server, { fd: descriptor })
  else {
    const { address: host, port } = target
    try {
      await bind(server, { host, port })
    } catch (error) {
      // A machine without IPv6 has no dual-stack address.
      if ((error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT' || host !== '::') throw explain(error, target)
      await bind(server, { host: '0.0.0.0', port }).catch((again: unknown) => {
        throw explain(again, target)
      })
    }
  }
  const { address, port } = server.address() as AddressInfo
  return hostAndPort(address, port)
}

/**
 * Logs each connection that cannot be accepted once a server listens, for want of file descriptors say. The next one
 * may be.
 */
export function logFailedAccepts(server: Server, log: Log): void {
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (server.listening)
      log.error({ code: error.code, hint: 'raise LimitNOFILE' }, `connection not accepted: ${error.message}`)
  })
}

/** Which descriptor systemd passed for a socket of this name (sd_listen_fds_with_names(3)). */
export function inheritedDescriptor(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  if (env['LISTEN_PID'] !== String(pid)) return undefined
  const at = (env['LISTEN_FDNAMES'] ?? '').split(':').indexOf(name)
  return at !== -1 && at < Number(env['LISTEN_FDS'] ?? 0) ? FIRST_INHERITED_DESCRIPTOR + at : undefined
}

function bind(server: Server, options: { fd: number } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function explain(error: unknown, { key, address, port, socketName, off }: ListenTarget): StartError {
  const { code } = error as NodeJS.ErrnoException
  const where = hostAndPort(address, port)
  const without = off === undefined ? '' : `, or ${off} to do without`
  const portKey = socketName === undefined ? key : `${key}.port`
  const addressKey = socketName === undefined ? 'endpoint.ssh.address' : `${key}.address`
  if (code === 'EACCES')
    return new StartError(
      `${key}: not permitted to listen on ${where}: ports below 1024 need a privilege`,
      [
        'one of these will do:',
        '  - the capability: setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")", ' +
          'or AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit',
        `  - the sysctl: sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
        ...(socketName === undefined
          ? []
          : [
              '  - socket activation: ' +
                `a systemd .socket unit with ListenStream=${port} and FileDescriptorName=${socketName}`,
            ]),
        `  - another port: set ${portKey} to 1024 or more`,
      ].join('\n'),
    )
  if (code === 'EADDRINUSE')
    return new StartError(
      `${key}: ${where} is already in use`,
      `find out by whom with \`ss -ltnp 'sport = :${port}'\`, or set ${portKey} to another one${without}`,
    )
  if (code === 'EADDRNOTAVAIL')
    return new StartError(
      `${key}: this machine has no address ${address}`,
      `set ${addressKey} to one that \`ip address\` shows, or to "::" for all`,
    )
  return new StartError(`${key}: cannot listen on ${where}: ${String(code ?? error)}`, `check ${key}`)
}
