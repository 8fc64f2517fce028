import { finished } from 'node:stream/promises'
import type { ServerChannel } from 'ssh2'
import type { RightEnd } from '../access/authz/right-end.js'
import type { DeviceChannel, LinkEnd } from '../fleet/link.js'
import type { SessionHandle } from '../fleet/session-register.js'
import { inBackground } from '../lib/background.js'
import { within } from '../lib/deadline.js'
import { sendEof } from '../ssh/ssh2/channels.js'
import { sinkInto } from './byte-sink.js'
import { flushed } from './flushed.js'
import { pipeToSink } from './pipe-to-sink.js'
import type { SessionTap } from './relay.js'

/** How a connection to a port of a device's own ended. */
export interface PortRelayEnd {
  readonly by: 'device' | 'client' | 'link' | 'operator' | 'rights'
  readonly linkEnd?: LinkEnd
  readonly killedBy?: string
  /** Why the client has lost its right to it. */
  readonly why?: RightEnd
}

export interface PortRelayOptions {
  readonly client: ServerChannel
  readonly device: DeviceChannel
  readonly session: Pick<SessionHandle, 'carried' | 'killed'> & { readonly rightEnded?: Promise<RightEnd> }
  readonly audit?: SessionTap
  /** Settles when the client has closed its channel, or its connection was lost. */
  readonly clientGone: Promise<void>
}

/** Milliseconds in which a device has to take something of what a client that has left sent it last. */
const STALL_TIMEOUT = 30_000

/**
 * Carries bytes between a client's channel and a port of a device's, with back-pressure both ways and EOF each way on
 * its own, until either side closes. Nothing of it is looked at, and nothing is added: what both say to each other is
 * theirs.
 */
export async function relayPort(options: PortRelayOptions): Promise<PortRelayEnd> {
  const { client, device, session, audit, clientGone } = options
  const { stream } = device
  const toDevice = sinkInto(stream, () => void stream.end())
  const toClient = sinkInto(client, () =>
    inBackground(
      'session',
      flushed(client).then(() => sendEof(client)),
    ),
  )
  const stopClient = pipeToSink(client, toDevice)
  const stopDevice = pipeToSink(stream, toClient)
  client.on('data', (bytes: Buffer) => {
    session.carried('fromClient', bytes.length)
    audit?.fromClient(bytes)
  })
  stream.on('data', (bytes: Buffer) => {
    session.carried('fromDevice', bytes.length)
    audit?.fromDevice(bytes)
  })

  const first = await Promise.race([
    device.closed.then(() => ({ by: 'device' as const })),
    clientGone.then(() => ({ by: 'client' as const })),
    session.killed.then((killedBy) => ({ by: 'operator' as const, killedBy })),
    ...(session.rightEnded === undefined ? [] : [session.rightEnded.then((why) => ({ by: 'rights' as const, why }))]),
  ])

  const cut = Promise.race([session.killed, ...(session.rightEnded === undefined ? [] : [session.rightEnded])])
  if (first.by === 'client') {
    // Nobody reads what the device still sends; what the client sent last is the device's to have.
    toClient.abandon()
    await lastBytes({ client, device, cut })
  }
  if (first.by === 'device') await Promise.race([flushed(client), clientGone, cut])
  stopClient()
  // What is left unread would keep the device's channel open for ever.
  stopDevice()
  device.close()
  client.close()
  const lost = first.by === 'device' ? device.linkEnd() : undefined
  return lost === undefined ? first : { by: 'link', linkEnd: lost }
}

/** Settles once the device has all that a client sent before it left, or takes no more of it. */
async function lastBytes({
  client,
  device: { stream, closed },
  cut,
}: Pick<PortRelayOptions, 'client' | 'device'> & { readonly cut: Promise<unknown> }): Promise<void> {
  const taken = finished(stream, { readable: false }).catch(() => undefined)
  const left = (): number => client.readableLength + stream.writableLength
  for (let before = left(); ; before = left()) {
    if (await within(STALL_TIMEOUT, Promise.race([taken, closed, cut]))) return
    if (left() >= before) return
  }
}
