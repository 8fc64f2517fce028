import { randomBytes } from 'node:crypto'
import type ssh2 from 'ssh2'
import { createLiveRights } from '../../../src/access/authz/live-rights.js'
import type { PeerLimits } from '../../../src/cluster/peer-limits.js'
import type { RemoteOpening } from '../../../src/cluster/peers.js'
import type { DeviceChannel, Link } from '../../../src/fleet/link.js'
import { unrestricted } from '../../../src/northbound/ssh/login-restriction.js'
import type { SessionContext } from '../../../src/northbound/ssh/session.js'
import type { ChannelRequest } from '../../../src/ssh/session-channel.js'
import { makeLink } from '../../fleet/support/hand-made-link.js'
import { router } from '../../fleet/support/test-fleet.js'
import { recordedLog } from '../../northbound/http/recorded-log.js'
import { connectedTo } from '../../northbound/ssh/support/served-sessions.js'
import { type ClusterKeys, makeClusterKeys } from './cluster-keys.js'
import { startNode, type TestNode } from './test-node.js'
import { eventually } from './eventually.js'

/** Two nodes with a real fleet each: the device is at b, and its clients are at a. */
export interface TwoFleets {
  readonly keys: ClusterKeys
  readonly a: TestNode
  readonly b: TestNode
  /** Opens a session at b, as a does for its client. */
  readonly open: (request: ChannelRequest, more?: Partial<Asked>, signal?: AbortSignal) => Promise<RemoteOpening>
  readonly channel: (request: ChannelRequest) => Promise<DeviceChannel>
  /** A client of a, over SSH; another one may dial the port. */
  readonly client: () => Promise<{ readonly client: ssh2.Client; readonly port: number; readonly stop: () => void }>
  readonly stop: () => void
}

interface Asked {
  readonly epoch: number
  readonly deviceId: string
  readonly sessionId: string
  readonly incarnation: number
}

export async function twoFleets(
  link: Link | undefined,
  options: { readonly limits?: Partial<PeerLimits>; readonly maxSessions?: number } = {},
): Promise<TwoFleets> {
  const { limits = {}, maxSessions = 10 } = options
  const keys = makeClusterKeys()
  const devices = [router('router1', maxSessions)]
  const a = await startNode({ identity: await keys.identity('a'), limits, devices })
  const b = await startNode({ identity: await keys.identity('b'), limits, devices })
  if (link !== undefined) b.fleet.attach(link)
  for (const node of [a, b]) node.peers.setNodes([a.listed, b.listed])
  await eventually(() => {
    if (a.peers.reached('b') === undefined || b.peers.reached('a') === undefined) throw new Error('not yet')
    if (a.peers.counts().reached === 0) throw new Error('not yet')
  })
  const open: TwoFleets['open'] = (request, more = {}, signal) => {
    const { epoch = 1, deviceId = 'router1', incarnation = 1, sessionId = randomBytes(4).toString('hex') } = more
    const holder = { node: 'b', incarnation, epoch }
    const client = { user: 'ops', source: '192.0.2.1:40000', via: 'ssh' as const }
    return a.peers.openSession({ deviceId, request, client, holder, sessionId, wait: 1_000 }, signal)
  }
  const channel: TwoFleets['channel'] = async (request) => {
    const opening = await open(request)
    if (opening.ok) return opening.channel
    throw new Error(opening.cause === 'refused' ? opening.no.message : opening.message)
  }
  // To the fleet of a, the other node is one more kind of link.
  a.fleet.attach(
    makeLink({
      deviceId: 'router1',
      source: 'node b',
      answer: async (request) => {
        const opening = await open(request)
        if (opening.ok) return opening
        if (opening.cause === 'unreachable') return { ok: false, cause: 'unanswered', message: opening.message }
        const cause = opening.no.reason === 'refused-by-device' ? 'request' : 'no-more-sessions'
        return { ok: false, cause, message: opening.no.message }
      },
    }),
  )
  const stops: (() => void)[] = []
  return {
    keys,
    a,
    b,
    open,
    channel,
    client: async () => {
      const connected = await connectedTo(contextOn(a))
      stops.push(connected.stop)
      return connected
    },
    stop: () => {
      for (const stop of stops) stop()
      a.stop()
      b.stop()
      keys.stop()
    },
  }
}

/** A client with every right. */
function contextOn({ fleet }: TestNode): SessionContext {
  return {
    fleet,
    deviceId: 'router1',
    client: { user: 'ops', source: '192.0.2.1:1', via: 'ssh' },
    restriction: unrestricted,
    keyExchange: () => undefined,
    method: 'password',
    auditLog: {
      refusal: () => undefined,
      session: () => ({
        ok: true,
        audit: { fromClient: () => undefined, fromDevice: () => undefined, end: () => undefined },
      }),
      refused: () => undefined,
    },
    authorise: async () => ({
      allowed: true,
      permission: {
        roles: [],
        channels: new Set(['netconf', 'exec', 'shell', 'sftp']),
        operations: { kind: 'all' },
      },
    }),
    ended: () => undefined,
    until: undefined,
    live: createLiveRights((error) => {
      throw error
    }),
    rules: {},
    refusalLines: () => undefined,
    log: recordedLog().log,
    metrics: { sessionRefused: () => undefined },
    tracer: () => undefined,
  } as unknown as SessionContext
}
