import type { ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Lines } from './lines.js'
import { junosPreamble, junosSecretPreamble } from './preamble.js'
import type { SshKey } from './ssh-keys.js'
import { prepareSshd, type Sshd, type SshdOptions } from './sshd.js'
import { within } from './wait-for.js'

export type Address = { readonly host: string; readonly port: number }

export type SshdDeviceOptions = SshdOptions & {
  readonly deviceId: string
  readonly bridge: Address
  /** What goes out before the SSH identification; a list of chunks is written one by one. Default `junos`. */
  readonly preamble?: 'junos' | 'junos-secret' | 'none' | readonly (Buffer | string)[]
  /** Shared secret for `junos-secret`. */
  readonly secret?: string
  /** The key that `junos-secret` announces; default is the first RSA key, else the first key. */
  readonly announced?: SshKey
  /**
   * Pause before dialling again after a connection ended or was refused, in milliseconds. Default 100; `never` dials
   * once.
   */
  readonly redialDelay?: number | 'never'
  /**
   * Let the bytes pass through the test's process, so that it can freeze, reset and half-close the connection. Default
   * false.
   */
  readonly proxied?: boolean
}

export type SshdDevice = {
  readonly deviceId: string
  /**
   * `dialled` when TCP is established and the preamble written, `closed` when that connection is over, `refused` when
   * the dial failed.
   */
  readonly events: EventEmitter<SshdDeviceEvents>
  /** sshd's standard error, all connections together. */
  readonly log: Lines
  /** How many connections it opened so far. */
  readonly dials: () => number
  /** Resolves once it has opened `count` connections in all (default: one more than now). */
  readonly dialled: (count?: number, timeoutMs?: number) => Promise<void>
  /**
   * Dials once more while the old connection stays as it is: how a device behind a NAT that forgot it looks to the
   * bridge.
   */
  readonly dialAgain: () => Promise<void>
  /** Ends the live connection at once: a reset when proxied, otherwise by killing its sshd. It then redials. */
  readonly cut: () => void
  /** Sends FIN on the live connection; only when proxied. */
  readonly endOutput: () => void
  /**
   * Stops passing bytes of the live connection in both directions, without FIN or reset; only when proxied. Later dials
   * are not frozen. Gives a function that lets the frozen connection go on.
   */
  readonly freeze: () => () => void
  /**
   * Stops every process of it (SIGSTOP), while its kernel goes on: how a device looks whose processor is busy. Gives
   * what lets them go on.
   */
  readonly halt: () => Promise<() => void>
  /** No more dialling; kills everything that it started and removes its files. */
  readonly stop: () => Promise<void>
}

type SshdDeviceEvents = { dialled: [number]; closed: [number]; refused: [Error] }

type Dial = { readonly number: number; readonly socket: Socket; readonly sshd: ChildProcess }

/**
 * A device: real sshd on connections that it opens to the bridge, as Junos' `outbound-ssh` does. Resolves before the
 * first dial ended.
 */
export async function startSshdDevice(options: SshdDeviceOptions): Promise<SshdDevice> {
  const sshd = await prepareSshd(options)
  const events = new EventEmitter<SshdDeviceEvents>().setMaxListeners(0)
  const live: Dial[] = []
  let dials = 0
  let stopped = false
  let redialTimer: NodeJS.Timeout | undefined

  async function dial(): Promise<void> {
    const socket = options.proxied ? connect(options.bridge) : connectUnread(options.bridge)
    try {
      await once(socket, 'connect')
    } catch (error) {
      events.emit('refused', error as Error)
      return redialLater()
    }
    // Who hangs up while we write shows as a destroyed socket.
    socket.on('error', () => {})
    socket.setNoDelay(true)
    for (const chunk of preambleChunks(options)) await written(socket, chunk)
    if (stopped) {
      socket.destroy()
      return
    }
    const number = ++dials
    if (socket.destroyed) {
      events.emit('dialled', number)
      events.emit('closed', number)
      return redialLater()
    }
    const entry: Dial = { number, socket, sshd: options.proxied ? pump(sshd, socket) : handOver(sshd, socket) }
    live.push(entry)
    entry.sshd.once('exit', () => {
      live.splice(live.indexOf(entry), 1)
      socket.destroy()
      events.emit('closed', number)
      if (live.length === 0) redialLater()
    })
    events.emit('dialled', number)
  }

  function redialLater(): void {
    if (stopped || options.redialDelay === 'never') return
    redialTimer = setTimeout(() => void dial(), options.redialDelay ?? 100)
  }

  function newest(): Dial {
    const entry = live.at(-1)
    if (!entry) throw new Error(`device ${options.deviceId} has no connection`)
    return entry
  }

  function proxiedNewest(): Dial & { readonly sshd: PipedChild } {
    if (!options.proxied) throw new Error(`device ${options.deviceId} was not started with proxied: true`)
    return newest() as Dial & { readonly sshd: PipedChild }
  }

  void dial()
  return {
    deviceId: options.deviceId,
    events,
    log: sshd.log,
    dials: () => dials,
    dialled: async (count = dials + 1, timeoutMs = 10_000) => {
      const enough = new Promise<void>((resolve) => {
        const check = () => {
          if (dials >= count) resolve(void events.off('dialled', check))
        }
        events.on('dialled', check)
        check()
      })
      await within(timeoutMs, () => `dial ${count} of device ${options.deviceId}, it made ${dials}`, enough)
    },
    dialAgain: dial,
    cut: () => {
      const { socket, sshd: child } = newest()
      if (options.proxied) socket.resetAndDestroy()
      else void sshd.kill(child)
    },
    endOutput: () => void proxiedNewest().socket.end(),
    freeze: () => {
      const { socket, sshd: child } = proxiedNewest()
      socket.unpipe(child.stdin).pause()
      child.stdout.unpipe(socket).pause()
      return () => {
        socket.pipe(child.stdin)
        child.stdout.pipe(socket)
      }
    },
    halt: sshd.halt,
    stop: async () => {
      stopped = true
      clearTimeout(redialTimer)
      for (const { socket } of live) socket.destroy()
      await sshd.stop()
    },
  }
}

type PipedChild = ChildProcess & {
  stdin: NonNullable<ChildProcess['stdin']>
  stdout: NonNullable<ChildProcess['stdout']>
}

/** A socket that leaves every byte from the peer in the kernel for sshd to read. */
function connectUnread(address: Address): Socket {
  const socket = connect(address)
  socket.pause()
  return socket
}

/**
 * Gives the connection to an sshd and lets go of it: the kernel then carries the bytes, none passes through this
 * process.
 */
function handOver(sshd: Sshd, socket: Socket): ChildProcess {
  const child = sshd.spawn(socket)
  socket.destroy()
  return child
}

/** Runs an sshd whose bytes pass through this process. */
function pump(sshd: Sshd, socket: Socket): ChildProcess {
  const child = sshd.spawn('pipes') as PipedChild
  socket.pipe(child.stdin)
  child.stdout.pipe(socket)
  // A connection or an sshd that is gone takes the other with it; the errors say nothing more.
  for (const stream of [child.stdin, child.stdout]) stream.on('error', () => {})
  socket.once('close', () => child.stdin.destroy())
  return child
}

function preambleChunks(options: SshdDeviceOptions): readonly (Buffer | string)[] {
  const { deviceId, preamble = 'junos', hostKeys, secret } = options
  if (typeof preamble !== 'string') return preamble
  if (preamble === 'none') return []
  if (preamble === 'junos') return [junosPreamble(deviceId)]
  const announced = options.announced ?? hostKeys.find((key) => key.type === 'rsa') ?? hostKeys[0]
  if (!announced || secret === undefined) throw new Error('junos-secret needs a host key and a secret')
  return [junosSecretPreamble(deviceId, secret, announced.publicKey)]
}

async function written(socket: Socket, chunk: Buffer | string): Promise<void> {
  await new Promise<void>((resolve) => socket.write(chunk, () => resolve()))
}
