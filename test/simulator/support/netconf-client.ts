import { type Duplex, duplexPair } from 'node:stream'
import { CAPABILITY } from '../../../src/netconf/capabilities.js'
import { type ClientSession, openClientSession } from '../../../src/netconf/client-session.js'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import type { Notification } from '../../../src/netconf/notification.js'
import { parseRpcReply, type RpcReply } from '../../../src/netconf/rpc-reply.js'
import { parseXml } from '../../../src/netconf/xml/xml-parse.js'
import { serialiseXml } from '../../../src/netconf/xml/xml-serialise.js'
import { elementsOf, type XmlElement } from '../../../src/netconf/xml/xml-tree.js'
import { DEVICE_NS } from '../../../src/simulator/data-model.js'
import type { NetconfServer } from '../../../src/simulator/netconf-server.js'

/** A client session that tests speak to in XML. */
export interface TestClient {
  readonly session: ClientSession
  readonly ask: (operation: string | XmlElement) => Promise<RpcReply>
  /** The reply as text. */
  readonly askText: (operation: string) => Promise<string>
  readonly notifications: readonly Notification[]
  /** Resolves once that many notifications came. */
  readonly notified: (count: number) => Promise<readonly Notification[]>
  /** Drops the channel as a client that crashed. */
  readonly drop: () => void
}

/** Parses XML: NETCONF's namespace is the default, `nc:` too, `d:` is the device's. */
export function xml(text: string): XmlElement {
  const parsed = parseXml(`<r xmlns="${NETCONF_NS}" xmlns:nc="${NETCONF_NS}" xmlns:d="${DEVICE_NS}">${text}</r>`)
  if (!parsed.ok) throw new Error(parsed.error.cause)
  const [only] = elementsOf(parsed.value)
  if (only === undefined) throw new Error(`no element in ${text}`)
  return only
}

/** Opens a session on a server over two streams in memory. */
export async function connectTo(
  server: NetconfServer,
  bases: readonly string[] = [CAPABILITY.base11],
): Promise<TestClient> {
  const [near, far] = channelPair()
  serveOn(server, far)
  return await openTestClient(near, bases)
}

/** Two ends of a channel; when one is gone, so is the other. */
export function channelPair(): readonly [Duplex, Duplex] {
  const [near, far] = duplexPair()
  near.once('close', () => far.destroy())
  far.once('close', () => near.destroy())
  return [near, far]
}

/** Serves a session on one end of a stream pair. */
export function serveOn(server: NetconfServer, channel: Duplex, exited?: (status: number) => void): void {
  server.openSession({
    channel,
    username: 'admin',
    sourceHost: '192.0.2.1',
    afterDrain: (callback) => callback(),
    end: (status) => {
      exited?.(status)
      channel.end()
    },
    close: (status) => {
      exited?.(status)
      channel.destroy()
    },
    cut: () => channel.destroy(),
    onGone: (listener) => channel.once('close', listener),
  })
}

/** A client on a channel that is open already. */
export async function openTestClient(
  channel: Duplex,
  bases: readonly string[] = [CAPABILITY.base11],
): Promise<TestClient> {
  const notifications: Notification[] = []
  const waiting: (() => void)[] = []
  const session = await openClientSession(channel, {
    capabilities: bases,
    onNotification: (notification) => {
      notifications.push(notification)
      for (const wake of waiting.splice(0)) wake()
    },
  })
  const request = (operation: string | XmlElement) =>
    session.request(typeof operation === 'string' ? xml(operation) : operation)
  return {
    session,
    notifications,
    ask: async (operation) => {
      const reply = parseRpcReply((await request(operation)).bytes)
      if (!reply.ok) throw new Error(reply.error.cause)
      return reply.value
    },
    askText: async (operation) => (await request(operation)).bytes.toString(),
    notified: async (count) => {
      while (notifications.length < count) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
        })
      }
      return notifications
    },
    drop: () => channel.destroy(),
  }
}

/** A configuration as text, without prefixes and declarations, for comparing. */
export async function configText(client: TestClient, source: 'running' | 'candidate'): Promise<string> {
  const reply = await client.ask(`<get-config><source><${source}/></source></get-config>`)
  const data = reply.content[0]
  return data === undefined ? '' : serialiseXml(data).replaceAll(/ xmlns(:\w+)?="[^"]*"/g, '')
}

/** The tags of a reply's errors. */
export function tags(reply: RpcReply): readonly string[] {
  return reply.errors.map((error) => error.tag)
}
