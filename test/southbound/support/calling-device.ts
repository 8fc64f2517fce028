import { once } from 'node:events'
import type { Socket } from 'node:net'
import ssh2, { type AuthContext, type Connection } from 'ssh2'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { parsePrivateKey } from '../../../src/ssh/private-key.js'
import { fingerprintOf } from '../../../src/ssh/public-key.js'

/** A real SSH server at the device's end of a call-home connection. */
export interface CallingDevice {
  /** What it got, in order: `SERVICE_REQUEST`, `USERAUTH_REQUEST`; tests may add marks of their own. */
  readonly heard: string[]
  /** Settles when the bridge asks to log in for the first time. */
  readonly asked: Promise<AuthContext>
  readonly closed: Promise<unknown>
}

/** A host key, as a file holds it and as people compare it. */
export interface DeviceKey {
  readonly text: string
  readonly blob: Buffer
  readonly fingerprint: string
}

export function newDeviceKey(): DeviceKey {
  const text = generatePrivateKey('ed25519', 'device')
  const parsed = parsePrivateKey(text)
  if (!parsed.ok) throw new Error(parsed.failure.message)
  const blob = parsed.key.getPublicSSH()
  return { text, blob, fingerprint: fingerprintOf(blob) }
}

/**
 * Runs the SSH of a device on a socket that it has dialled.
 * @param answer what it does with a request to log in; takes every one unless told otherwise
 */
export function callAsDevice(
  socket: Socket,
  key: DeviceKey,
  answer: (context: AuthContext) => void = (context) => context.accept(),
): CallingDevice {
  const heard: string[] = []
  const server = new ssh2.Server({
    hostKeys: [key.text],
    debug: (text) => {
      const [, message] = /\bInbound: Received (SERVICE_REQUEST|USERAUTH_REQUEST)/.exec(text) ?? []
      if (message !== undefined) heard.push(message)
    },
  })
  const asked = new Promise<AuthContext>((resolve) => {
    server.on('connection', (connection: Connection) => {
      connection.on('error', () => undefined)
      connection.on('authentication', (context) => {
        resolve(context)
        answer(context)
      })
      connection.on('session', (accept) => {
        accept().on('subsystem', (take) => {
          take()
            .on('error', () => undefined)
            .resume()
        })
      })
    })
  })
  const closed = once(socket, 'close')
  server.injectSocket(socket)
  return { heard, asked, closed }
}

/** Lets the event loop turn often enough for whatever is on its way between two sockets of this process to arrive. */
export async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** A promise and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

export function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => undefined
  let reject: Deferred<T>['reject'] = () => undefined
  const promise = new Promise<T>((...settle) => {
    ;[resolve, reject] = settle
  })
  return { promise, resolve, reject }
}
