import { inBackground } from '../lib/background.js'
import { connect, type Socket } from 'node:net'
import { awaitCalixAck, calixIdentity } from './calix-identity.js'
import { systemClock } from './clock.js'
import { serveDeviceConnection } from './device-connection.js'
import { createDeviceNews, type DeviceNews } from './device-events.js'
import { DEVICE_DEFAULTS, type SimulatedDeviceOptions } from './device-options.js'
import { type HostKey, hostKeyOf } from './host-key.js'
import { initiationSequence } from './initiation-sequence.js'
import { createNetconfServer, type NetconfServer } from './netconf-server.js'

/** A device that runs. It dials until it is stopped. */
export interface SimulatedDevice {
  readonly id: string
  /** `type base64`, as in known_hosts. */
  readonly hostPublicKey: string
  /** `SHA256:…`, as OpenSSH prints it. */
  readonly hostKeyFingerprint: string
  /** Its datastores, sessions, events and faults. */
  readonly netconf: NetconfServer
  /** Hears an event each time it happens; the answer ends that. */
  readonly on: DeviceNews['on']
  /** Resolves when the bridge has logged in, at once if it is logged in now. */
  readonly whenAuthenticated: () => Promise<void>
  /** Cuts the connection with a reset or FIN, as a device that reboots; it redials as after any loss. */
  readonly disconnect: () => void
  /** Reads and writes nothing more on the connection without ending it, as behind a dead NAT binding. */
  readonly goSilent: () => void
  /** Dials a new connection now; the old one stays as it is. */
  readonly redial: () => void
  readonly stop: () => Promise<void>
}

/** Starts a device; it dials at once unless there is a start delay. */
export function startSimulatedDevice(options: SimulatedDeviceOptions): SimulatedDevice {
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const hostKey = hostKeyOf(options.hostKey)
  const news = createDeviceNews()
  const sockets = new Set<Socket>()
  let current: Socket | undefined
  let authenticated = false
  let attempt = 0
  let stopped = false
  let cancelDial: (() => void) | undefined

  const netconf = createNetconfServer({
    ...options,
    deviceId: options.id,
    onSession: (told) => {
      const { sessionId } = told.actor
      if (told.kind === 'opened') news.tell('session-opened', { sessionId })
      else news.tell('session-closed', { sessionId, reason: told.reason })
    },
  })

  const dialAfter = (delay: number): void => {
    if (stopped) return
    const inMs = Math.round(delay * (1 + (options.jitter ?? 0) * random()))
    cancelDial?.()
    cancelDial = clock.after(inMs, dial)
    news.tell('redialling', { inMs })
  }

  const lost = (socket: Socket, connected: boolean, cause: string): void => {
    sockets.delete(socket)
    if (socket !== current) return
    const wasAuthenticated = authenticated
    current = undefined
    authenticated = false
    if (connected) news.tell('connection-lost', { cause })
    else news.tell('refused', { cause })
    dialAfter(
      wasAuthenticated
        ? (options.redialDelay ?? DEVICE_DEFAULTS.redialDelay)
        : (options.retryDelay ?? DEVICE_DEFAULTS.retryDelay),
    )
  }

  const dial = (): void => {
    if (stopped) return
    cancelDial?.()
    attempt += 1
    authenticated = false
    const socket = connect({ ...options.bridge, noDelay: true })
    let connected = false
    let cause = 'the bridge closed the connection'
    current = socket
    sockets.add(socket)
    news.tell('dialling', { attempt })
    socket.on('error', (error) => {
      cause = error.message
    })
    socket.once('close', () => lost(socket, connected, cause))
    socket.once('connect', () => {
      connected = true
      news.tell('dialled', { localPort: socket.localPort ?? 0 })
      inBackground('simulator', begin(socket), () => socket.destroy())
    })
  }

  const begin = async (socket: Socket): Promise<void> => {
    const mayServe = await callHome(socket, options, hostKey)
    if (!mayServe) socket.destroy()
    else if (!socket.destroyed) serve(socket)
  }

  const serve = (socket: Socket): void =>
    serveDeviceConnection(socket, {
      ...connectionOptions(options),
      hostKey,
      netconf,
      clock,
      onAuthenticated: (method) => {
        if (socket !== current) return
        authenticated = true
        news.tell('authenticated', { method })
      },
      onAuthenticationFailed: (method) => news.tell('authentication-failed', { method }),
    })

  // Not before whoever starts the device can listen to it.
  if (options.startDelay === undefined || options.startDelay === 0) queueMicrotask(dial)
  else cancelDial = clock.after(options.startDelay, dial)

  return {
    id: options.id,
    hostPublicKey: hostKey.publicLine,
    hostKeyFingerprint: hostKey.fingerprint,
    netconf,
    on: news.on,
    whenAuthenticated: () =>
      new Promise((resolve) => {
        if (authenticated) return resolve()
        const forget = news.on('authenticated', () => {
          forget()
          resolve()
        })
      }),
    disconnect: () => current?.destroy(),
    goSilent: () => {
      current?.pause()
      current?.cork()
    },
    redial: dial,
    stop: async () => {
      stopped = true
      cancelDial?.()
      netconf.stop()
      await Promise.all([...sockets].map(destroyed))
    },
  }
}

/** What of a device's options concerns its connections. */
function connectionOptions(options: SimulatedDeviceOptions) {
  return {
    login: options,
    maxSessions: options.maxSessions ?? DEVICE_DEFAULTS.maxSessions,
    ident: options.ident ?? (options.dialect === 'junos' ? 'OpenSSH_7.5' : 'homeport-simulator'),
    loginGraceTime: options.loginGraceTime ?? DEVICE_DEFAULTS.loginGraceTime,
    ...(options.keepAlive === undefined ? {} : { keepAlive: options.keepAlive }),
  }
}

/** Sends what the device says before SSH; false when the bridge did not answer as it must. */
async function callHome(socket: Socket, options: SimulatedDeviceOptions, hostKey: HostKey): Promise<boolean> {
  const preamble = options.preamble ?? 'junos'
  if (preamble === 'none') return true
  if (preamble === 'calix') {
    socket.write(calixIdentity(options.id, socket.localAddress ?? ''))
    return await awaitCalixAck(socket)
  }
  socket.write(preamble === 'junos' ? initiationSequence(options.id, hostKey.publicLine, options.secret) : preamble)
  return true
}

function destroyed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
    socket.destroy()
  })
}
