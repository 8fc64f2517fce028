import { inBackground } from '../lib/background.js'
import { within } from '../lib/deadline.js'
import { finished } from 'node:stream/promises'
import type { ServerChannel } from 'ssh2'
import type { RightEnd } from '../access/authz/right-end.js'
import type { DeviceChannel, LinkEnd } from '../fleet/link.js'
import type { Exit } from '../ssh/session-channel.js'
import type { SessionHandle } from '../fleet/session-register.js'
import { sendEof, sendExit } from '../ssh/ssh2/channels.js'
import type { ProtocolViolation, StartGuard } from './relay-guard.js'
import { type ByteSink, sinkInto } from './byte-sink.js'
import { pipeToSink } from './pipe-to-sink.js'
import { flushed } from './flushed.js'

/** How a relay ended, and the bytes it carried each way. */
export interface RelayEnd {
  readonly by: 'device' | 'client' | 'link' | 'operator' | 'guard' | 'rights'
  readonly exit?: Exit
  readonly linkEnd?: LinkEnd
  /** The name of the operator who killed the session. */
  readonly killedBy?: string
  readonly violation?: ProtocolViolation
  /** Why the client has lost its right to the session. */
  readonly why?: RightEnd
  readonly fromClient: number
  readonly fromDevice: number
}

/** What ended a session that neither its client nor its device has ended. */
export type CutShort = Cut | { readonly by: 'link'; readonly linkEnd: LinkEnd }

type Cut =
  | { readonly by: 'operator'; readonly killedBy: string }
  | { readonly by: 'guard'; readonly violation: ProtocolViolation }
  | { readonly by: 'rights'; readonly why: RightEnd }

/** How a client is told that its session was cut short. */
export interface Farewell {
  /** What it reads on standard error; empty for nothing. */
  readonly words: string
  readonly exit: Exit
}

/**
 * Milliseconds that a device gets to read the last bytes of a client that has left, and that a client gets to read the
 * last bytes that the guard let pass.
 */
const LAST_BYTES_TIMEOUT = 5_000

/** Milliseconds that a client gets to read why its session was ended. */
const LAST_MESSAGE_TIMEOUT = 1_000

/**
 * Milliseconds that the end of a device's data waits for its exit where the client has ended its side, too. A client
 * that sees both ends may leave at once (PuTTY's plink), and would take an exit that comes later for none.
 */
const EXIT_TIMEOUT = 1_000

/** Whoever sees what passes. */
export interface SessionTap {
  readonly fromClient: (bytes: Buffer) => void
  readonly fromDevice: (bytes: Buffer) => void
}

export interface RelayOptions {
  readonly client: ServerChannel
  readonly device: DeviceChannel
  /** Counts the bytes. Reports when an operator kills the session, or when the client loses its right to it. */
  readonly session: Pick<SessionHandle, 'bytes' | 'carried' | 'killed'> & {
    /** Absent where somebody else looks after the client's rights. */
    readonly rightEnded?: Promise<RightEnd>
  }
  /** Gets every byte that the client sends and every byte that it is sent; absent where somebody else does. */
  readonly audit?: SessionTap
  /** Settles when the client closed its channel or its connection was lost. */
  readonly clientGone: Promise<void>
  readonly farewell: (cut: CutShort) => Farewell
  /** Checks the client's requests, where rules on operations apply to the client. */
  readonly startGuard?: StartGuard | undefined
}

/**
 * Carries bytes between a client's channel and a device's, untouched, until either side closes: data with back-pressure
 * both ways, the device's standard error, EOF each way on its own, exit status or signal, close.
 */
export async function relay(options: RelayOptions): Promise<RelayEnd> {
  const { client, device, session, audit, clientGone, farewell, startGuard } = options
  const toDevice = sinkInto(device.stream, () => void device.stream.end())
  // The client is told of the end only when the device's standard error has ended too.
  const toClient = sinkInto(client, () => undefined)
  const audited: ByteSink = {
    ...toClient,
    take: (bytes) => {
      toClient.take(bytes)
      audit?.fromDevice(bytes)
    },
  }
  const guard = startGuard?.({ toDevice, toClient: audited })
  const stopRequests = pipeToSink(client, guard?.fromClient ?? toDevice)
  client.on('data', (bytes: Buffer) => {
    session.carried('fromClient', bytes.length)
    audit?.fromClient(bytes)
  })
  const stopReplies = pipeToSink(device.stream, guard?.fromDevice ?? audited)
  device.stream.on('data', (bytes: Buffer) => session.carried('fromDevice', bytes.length))
  device.standardError.pipe(client.stderr, { end: false })
  /** Reads and drops what the device still sends: its channel closes only when everything was read. */
  const leave = (): void => {
    toClient.abandon()
    device.standardError.unpipe(client.stderr)
    device.standardError.resume()
  }
  // No data may follow EOF (RFC 4254 §5.3). So EOF waits where the bridge may still have to explain on standard error
  // that the link ended, or that the guard ended the session.
  const isCut = (): boolean => (device.linkEnd() ?? guard?.found()) !== undefined
  let exit: Exit | undefined
  let exitTold = false
  const tellExit = (told: Exit): void => {
    if (!exitTold) sendExit(client, told)
    exitTold = true
  }
  let endTold = false
  const exited = device.exited?.then((told) => {
    exit = told
    if (endTold && !isCut()) tellExit(told)
  })
  if (exited !== undefined) inBackground('session', exited)
  const endClient = async (): Promise<void> => {
    await allFlushed(client)
    if (client.readableEnded && exited !== undefined) await within(EXIT_TIMEOUT, Promise.race([exited, device.closed]))
    if (isCut()) return
    if (exit !== undefined) tellExit(exit)
    endTold = true
    sendEof(client)
  }
  const ended = Promise.all([endOf(device.stream), endOf(device.standardError)]).then(endClient)
  inBackground('session', ended, () => client.close())

  const first = await Promise.race([
    device.closed.then((closing) => {
      const violation = device.linkEnd() === undefined ? guard?.found() : undefined
      return violation === undefined ? { by: 'device' as const, ...closing } : { by: 'guard' as const, violation }
    }),
    clientGone.then(() => ({ by: 'client' as const })),
    session.killed.then((killedBy) => ({ by: 'operator' as const, killedBy })),
    ...(session.rightEnded === undefined ? [] : [session.rightEnded.then((why) => ({ by: 'rights' as const, why }))]),
    ...(guard === undefined ? [] : [guard.violated.then((violation) => ({ by: 'guard' as const, violation }))]),
  ])

  if (first.by === 'client') {
    leave()
    guard?.clientGone()
    await within(
      LAST_BYTES_TIMEOUT,
      finished(device.stream, { readable: false }).catch(() => undefined),
    )
    guard?.stop()
    device.close()
    return { by: 'client', ...session.bytes }
  }

  guard?.stop()
  stopRequests()
  if (first.by === 'operator' || first.by === 'guard' || first.by === 'rights') {
    if (first.by === 'guard') {
      stopReplies()
      guard?.fromDevice.end()
      // The client gets what the guard let pass and what the guard says, if it reads in time.
      await within(LAST_BYTES_TIMEOUT, Promise.race([allFlushed(client), clientGone]))
    }
    leave()
    // At once: bytes of a client without the right must not reach the device.
    if (first.by === 'rights') device.close()
    const { words, exit: toldExit } = farewell(first)
    if (words !== '') client.stderr.write(words)
    // The session ends also when the client reads nothing.
    await within(LAST_MESSAGE_TIMEOUT, Promise.race([allFlushed(client), clientGone]))
    if (first.by === 'guard') device.close()
    tellExit(toldExit)
    sendEof(client)
    client.close()
    return { ...first, ...session.bytes }
  }

  guard?.fromDevice.end()
  await Promise.race([allFlushed(client), clientGone])
  const lost = device.linkEnd()
  if (lost !== undefined && first.exit === undefined) {
    const { words, exit: toldExit } = farewell({ by: 'link', linkEnd: lost })
    if (words !== '') client.stderr.write(words)
    await Promise.race([allFlushed(client), clientGone])
    tellExit(toldExit)
  } else if (first.exit !== undefined) tellExit(first.exit)
  sendEof(client)
  client.close()
  return {
    by: lost === undefined ? 'device' : 'link',
    ...(first.exit === undefined ? {} : { exit: first.exit }),
    ...(lost === undefined ? {} : { linkEnd: lost }),
    ...session.bytes,
  }
}

/** Settles once a stream has ended and all of it was read. */
function endOf(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => stream.once('end', resolve))
}

async function allFlushed(client: ServerChannel): Promise<void> {
  await Promise.all([flushed(client), flushed(client.stderr)])
}
