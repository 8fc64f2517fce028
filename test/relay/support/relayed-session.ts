import type { RightEnd } from '../../../src/access/authz/right-end.js'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import ssh2, { type ClientChannel, type Connection, type ServerChannel } from 'ssh2'
import { createFleetEmitter } from '../../../src/fleet/fleet-emitter.js'
import type { Link } from '../../../src/fleet/link.js'
import { createSessionRegister } from '../../../src/fleet/session-register.js'
import { type CutShort, relay, type RelayEnd } from '../../../src/relay/relay.js'
import type { StartGuard } from '../../../src/relay/relay-guard.js'
import { openTrustedLink } from '../../southbound/support/trusted-link.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { governFlow } from '../../../src/ssh/ssh2/flow-control.js'
import { openSocketPair } from '../../southbound/support/socket-pair.js'
import { openSshPair, type SshPair } from '../../ssh/support/ssh-pair.js'

/** A relay with a real client at its one end and a real device at its other. */
export interface RelayedSession {
  readonly client: ClientChannel
  readonly clientSide: SshPair
  readonly device: ServerChannel
  readonly deviceSocket: Socket
  readonly link: Link
  readonly end: Promise<RelayEnd>
  /** Takes the client's right to the session away. */
  readonly endRight: (why: RightEnd) => void
  /** Kills the session, as an operator does. */
  readonly kill: (by: string) => void
  readonly stop: () => void
}

export interface RelayedSessionOptions {
  /** Bytes that the client takes before it grants more. */
  readonly clientWindow?: number
  readonly guard?: StartGuard
}

export async function openRelayedSession({ clientWindow, guard }: RelayedSessionOptions = {}): Promise<RelayedSession> {
  const sockets = await openSocketPair()
  const sessions = deviceOn(sockets.device)
  const link = await openTrustedLink(sockets.bridge, {
    channels: { channelOpenTimeout: 10_000, channelCloseTimeout: 10_000 },
  })
  const clientSide = await openSshPair()
  const { server, client, clientGone } = await clientSide.open(clientWindow)
  governFlow(server)
  server.on('error', () => undefined)
  const opened = await link.openChannel({ kind: 'subsystem', name: 'netconf' })
  if (!opened.ok) throw new Error(opened.message)
  opened.channel.stream.on('error', () => undefined)
  const gone = new Promise<void>((resolve) => {
    void clientGone.then(resolve)
    clientSide.connection.once('close', () => resolve())
  })
  const request = { kind: 'subsystem', name: 'netconf' } as const
  const asked = { deviceId: 'router1', link: 1, client: { user: 'ops', source: 'test', via: 'ssh' } as const, request }
  const register = createSessionRegister(createFleetEmitter(), Date.now)
  const session = register.open(asked, opened.channel)
  let endRight: (why: RightEnd) => void = () => undefined
  return {
    client,
    clientSide,
    device: await sessions,
    deviceSocket: sockets.device,
    link,
    end: relay({
      client: server,
      device: opened.channel,
      session: { ...session, rightEnded: new Promise((resolve) => void (endRight = resolve)) },
      audit: notAudited,
      clientGone: gone,
      farewell: (cut) => ({ words: `${wordsOf(cut)}\n`, exit: { status: 1 } }),
      startGuard: guard,
    }),
    endRight: (why) => endRight(why),
    kill: (by) => void register.kill(session.id, by),
    stop: () => {
      clientSide.stop()
      sockets.stop()
    },
  }
}

function wordsOf(cut: CutShort): string {
  if (cut.by === 'link') return `the link ended: ${cut.linkEnd.message}`
  if (cut.by === 'operator') return `killed by ${cut.killedBy}`
  return cut.by === 'rights' ? `right ended: ${cut.why.reason}` : `breached: ${cut.violation.reason}`
}

const notAudited = { fromClient: () => undefined, fromDevice: () => undefined }

const hostKey = generatePrivateKey('ed25519', 'device')

/** Runs an SSH server on a socket, as a device does that calls home; resolves with its first session. */
function deviceOn(socket: Socket): Promise<ServerChannel> {
  const server = new ssh2.Server({ hostKeys: [hostKey] })
  return new Promise((resolve) => {
    server.on('connection', (connection: Connection) => {
      connection.on('error', () => undefined)
      connection.on('authentication', (context) => context.accept())
      connection.on('session', (accept) => {
        accept().on('subsystem', (take) => {
          const channel = take()
          channel.on('error', () => undefined)
          resolve(channel)
        })
      })
    })
    server.injectSocket(socket)
  })
}

/** All that a client gets, in the end. */
export async function readToClose(
  channel: ClientChannel,
): Promise<{ readonly output: Buffer; readonly errors: Buffer; readonly exit: unknown[] }> {
  const output: Buffer[] = []
  const errors: Buffer[] = []
  let exit: unknown[] = []
  channel.on('data', (bytes: Buffer) => output.push(bytes))
  channel.stderr.on('data', (bytes: Buffer) => errors.push(bytes))
  channel.on('exit', (...told: unknown[]) => {
    exit = told
  })
  await once(channel, 'close')
  return { output: Buffer.concat(output), errors: Buffer.concat(errors), exit }
}
