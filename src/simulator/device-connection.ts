import type { Socket } from 'node:net'
import type { Connection, ServerChannel, Session } from 'ssh2'
import type { Clock } from './clock.js'
import { authenticateConnection, type DeviceLogin, type LoginMethod } from './device-authentication.js'
import type { HostKey } from './host-key.js'
import type { NetconfServer } from './netconf-server.js'
import { onFirstClose } from '../lib/first-close.js'
import { ssh2 } from '../ssh/ssh2/load.js'

/** What a device is on a connection that it opened. */
export interface DeviceConnectionOptions {
  readonly hostKey: HostKey
  readonly login: DeviceLogin
  readonly netconf: NetconfServer
  readonly maxSessions: number
  readonly ident: string
  /** Milliseconds until a bridge that does not log in is left (sshd's LoginGraceTime). */
  readonly loginGraceTime: number
  /** Junos `keep-alive`: probe after `timeout` ms of silence, give up after `retry` probes. */
  readonly keepAlive?: { readonly timeout: number; readonly retry: number }
  readonly clock: Clock
  readonly onAuthenticated: (method: LoginMethod) => void
  readonly onAuthenticationFailed: (method: string) => void
}

/** Longer than any test: ssh2 cannot be told to send no probes. */
const NO_KEEP_ALIVE = 2 ** 31 - 1

/** The execs that Junos answers with NETCONF. */
const NETCONF_COMMANDS: readonly string[] = ['netconf', 'xml-mode netconf need-trailer']

/** Becomes the SSH server on a socket that is connected to the bridge. The socket's end is the connection's. */
export function serveDeviceConnection(socket: Socket, options: DeviceConnectionOptions): void {
  const server = new ssh2.Server(
    {
      hostKeys: [{ key: options.hostKey.key }],
      ident: options.ident,
      keepaliveInterval: options.keepAlive?.timeout ?? NO_KEEP_ALIVE,
      keepaliveCountMax: options.keepAlive?.retry ?? 3,
    },
    (connection) => serveConnection(connection, socket, options),
  )
  // Every session of the connection may wait for the socket at once.
  socket.setMaxListeners(options.maxSessions + 20)
  const cancelGrace = options.clock.after(options.loginGraceTime, () => socket.destroy())
  server.on('connection', (connection) => connection.once('ready', cancelGrace))
  server.on('error', () => socket.destroy())
  socket.once('close', cancelGrace)
  server.injectSocket(socket)
}

function serveConnection(connection: Connection, socket: Socket, options: DeviceConnectionOptions): void {
  let sessions = 0
  // The socket's own events say that it is over, and why.
  connection.on('error', () => socket.destroySoon())
  authenticateConnection(connection, options.login, {
    accepted: options.onAuthenticated,
    refused: options.onAuthenticationFailed,
  })
  connection.on('session', (accept, reject) => {
    if (sessions >= options.maxSessions) {
      reject()
      return
    }
    const session = accept()
    sessions += 1
    session.once('close', () => {
      sessions -= 1
    })
    serveSshSession(session, socket, options)
  })
}

function serveSshSession(session: Session, socket: Socket, { netconf, login }: DeviceConnectionOptions): void {
  // ssh2 drops what arrives before the channel is accepted, so accept at once.
  const open = (channel: ServerChannel): void => {
    netconf.openSession({
      channel,
      username: login.username,
      sourceHost: socket.remoteAddress ?? 'unknown',
      afterDrain: (callback) => {
        if (socket.writableNeedDrain) socket.once('drain', callback)
        else callback()
      },
      end: (exitStatus) => {
        channel.exit(exitStatus)
        channel.end()
      },
      close: (exitStatus) => {
        channel.exit(exitStatus)
        channel.close()
      },
      cut: () => socket.destroy(),
      onGone: (listener) => onFirstClose([session, socket], listener),
    })
  }
  session.on('env', (accept) => accept?.())
  session.on('subsystem', (accept, reject, { name }) => {
    if (name === 'netconf') open(accept())
    else reject()
  })
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept()
    if (NETCONF_COMMANDS.includes(command.trim())) {
      open(channel)
      return
    }
    channel.stderr.write(`unknown command: ${command.slice(0, 200)}\n`)
    channel.exit(127)
    channel.end()
  })
}
