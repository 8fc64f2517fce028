import { inBackground } from '../lib/background.js'
import { onAbort } from '../lib/on-abort.js'
import type { Fleet } from '../fleet/fleet.js'
import type { LinkEnd } from '../fleet/link.js'
import type { SessionClient } from '../fleet/session-client.js'
import {
  type ClientSession,
  type ClientSessionOptions,
  openClientSession,
  type StreamOptions,
} from '../netconf/client-session.js'
import type { Span } from '../telemetry/traces.js'
import type { SentOperation } from '../netconf/written-operation.js'
import type { AskOptions, Asked } from './dispatcher.js'
import { traceOpening } from './trace-opening.js'
import {
  clientGone,
  type Failed,
  failedWith,
  fromRefusal,
  linkLost,
  noSession,
  unanswered,
  whyEnded,
} from './call-failure.js'

/** A NETCONF session of ours on a device. */
export interface DeviceSession extends ClientSession {
  /** Sends an operation as a `Dispatcher` does; of the deadline, its time alone gives up on the reply. */
  readonly ask: (operation: SentOperation, options: AskOptions & StreamListeners) => Promise<Asked>
  /** Under which the fleet lists it, and ends it. */
  readonly id: string
  /** Why the link below it ended, once it did. */
  readonly linkEnd: () => LinkEnd | undefined
}

export type DeviceSessionOpening = { readonly ok: true; readonly session: DeviceSession } | Failed

/** Told of what a reply's reader does to the session. */
type StreamListeners = Pick<StreamOptions, 'onStall' | 'onDiscarded'>

/** On which device a session is opened, and for whom. */
export interface SessionTarget {
  readonly fleet: Pick<Fleet, 'openSession'>
  readonly deviceId: string
  readonly client: SessionClient
  /** The account that it has to be on; any where absent. */
  readonly account?: string | undefined
}

export interface DeviceSessionOptions extends Pick<ClientSessionOptions, 'onNotification' | 'maxMessageSize'> {
  /** Gives up on the opening. */
  readonly signal?: AbortSignal
  /** What the session is opened for. */
  readonly span?: Span | undefined
}

/** Milliseconds that a device gets for its `<hello>`. */
const HELLO_TIMEOUT = 30_000

/**
 * Opens a channel on the device's link and exchanges hellos on it; where the link ends meanwhile, once more on the next
 * one.
 */
export async function openDeviceSession(
  target: SessionTarget,
  { span, ...options }: DeviceSessionOptions = {},
): Promise<DeviceSessionOpening> {
  const open = async (): Promise<DeviceSessionOpening> => {
    const first = await tryToOpen(target, options)
    return first.ok || first.failure.cause !== 'link-lost' ? first : tryToOpen(target, options)
  }
  const whyNot = (opening: DeviceSessionOpening): string | undefined => (opening.ok ? undefined : opening.failure.cause)
  return traceOpening(span, target, { open, whyNot })
}

async function tryToOpen(
  { fleet, deviceId, client, account }: SessionTarget,
  { signal, ...options }: Omit<DeviceSessionOptions, 'span'>,
): Promise<DeviceSessionOpening> {
  const asked = { kind: 'subsystem', name: 'netconf' } as const
  const opening = await fleet
    .openSession({ deviceId, request: asked, client, ...(account === undefined ? {} : { account }) }, signal)
    .catch((thrown: unknown) => ({ thrown }))
  if ('thrown' in opening) return failedWith(noSession(deviceId, opening.thrown))
  if (!opening.ok) return failedWith(fromRefusal(opening.refusal))
  const { channel, session: live } = opening
  channel.stream.on('error', () => undefined)
  channel.standardError.on('error', () => undefined)
  channel.standardError.resume()
  channel.stream.on('data', (bytes: Buffer) => live.carried('fromDevice', bytes.length))
  const release = (): void => {
    // Its close is told only once everything was read.
    channel.stream.resume()
    channel.close()
  }
  // Whoever gave up while the channel was being opened is heard at once.
  const stopListening = onAbort(signal, () => void channel.stream.destroy())
  try {
    const onSent = (bytes: number): void => live.carried('fromClient', bytes)
    const session = await openClientSession(channel.stream, { ...options, helloTimeout: HELLO_TIMEOUT, onSent })
    channel.awaitReply?.(session.awaitsReply)
    inBackground('http', session.closed.then(release))
    if (signal?.aborted) {
      session.abort('its client went away')
      return failedWith(clientGone)
    }
    const killed = live.killed.then((by) => session.abort(`it was ended by ${by}`))
    inBackground('http', killed)
    const linkEnd = (): LinkEnd | undefined => channel.linkEnd()
    const ask: DeviceSession['ask'] = async (operation, { deadline, onStall, onDiscarded }) => {
      try {
        const listeners = { ...(onStall && { onStall }), ...(onDiscarded && { onDiscarded }) }
        return { ok: true, reply: await session.stream(operation, { signal: deadline.time, ...listeners }) }
      } catch (thrown) {
        return failedWith(unanswered(deviceId, thrown, linkEnd()))
      }
    }
    return { ok: true, session: { ...session, id: live.id, ask, linkEnd } }
  } catch (thrown) {
    release()
    if (signal?.aborted) return failedWith(clientGone)
    const linkEnd = channel.linkEnd()
    return failedWith(
      linkEnd === undefined ? noSession(deviceId, thrown) : linkLost(deviceId, whyEnded(thrown, linkEnd)),
    )
  } finally {
    stopListening()
  }
}
