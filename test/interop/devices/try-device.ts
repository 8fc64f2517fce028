import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { ClientChannel } from 'ssh2'
import { junosPreamble } from '../../e2e/parts/preamble.js'
import { makeSshKey, type SshKey } from '../../e2e/parts/ssh-keys.js'
import { makeTempDir } from '../../e2e/parts/temp-dir.js'
import { within } from '../../e2e/parts/wait-for.js'
import { type RunningBridge, startBridge } from '../../e2e/support/bridge.js'
import { closeOf, login, openCommand, openNetconf, readAll } from '../../e2e/support/test-client.js'
import { opsUser } from '../../e2e/support/users.js'
import { exchanged, noSession, nothingLeft, rekeysWith, socketsOf, whileBridgeRekeys } from '../parts/bridge-state.js'
import { type LoginMeans, makeLoginMeans } from '../parts/login-means.js'
import { closeSession, netconfEcho } from '../parts/netconf-echo.js'
import { BULK, CHANNELS, echo, IDLE, KEEPALIVE, SOON, STATUS, UNANSWERED } from '../parts/pattern.js'
import { LOGINS, type LoginTrial, type Outcome, type Trial, tryEach } from '../trial.js'
import { DEVICE_USERS, type DevicePeer, type DeviceSetup, type Purpose } from './device-peer.js'

/** A device id for each way in, and one for the connection that exchanges keys anew. */
const PURPOSES: readonly Purpose[] = [...LOGINS, 'rekey']

/** A device whose link is attached. */
interface Attached {
  /** Sends so many bytes on a session and hears them again. */
  readonly echo: typeof echo
  /** A session on it. */
  readonly open: () => Promise<ClientChannel>
  /** Ends the client that all sessions are on without a goodbye; gives what opens sessions of another one. */
  readonly clientAgain: () => Promise<() => Promise<ClientChannel>>
  /** Ends the device's connection without a goodbye. */
  readonly cutDevice: () => Promise<void> | void
}

/** All trials of one server of SSH as a device, one after the other on a bridge of its own. */
export async function tryDevice(peer: DevicePeer): Promise<readonly Outcome[]> {
  const directory = await (peer.directory ?? makeTempDir)('interop')
  const means = await makeLoginMeans(directory.path, ['certificate'])
  const hostKey = await makeSshKey(directory.path, peer.hostKey ?? 'ed25519', 'host')
  const ends: (() => Promise<void>)[] = [directory.remove, means.stop]
  try {
    const hostKeys = await hostKeysOf(peer, directory.path, hostKey)
    const device = await peer.start({ directory: directory.path, hostKey, hostKeys, means })
    ends.push(device.stop)
    const bridge = await startBridge(
      configuration(peer, means, (id) => device.hostKey ?? hostKeys[id].publicKey),
      {
        nodeArguments: rekeysWith('device'),
      },
    )
    ends.push(bridge.stop)
    const sockets = await socketsOf(bridge)
    const main = peer.login ?? 'ed25519'

    /** Has the device call home, does something with its link, and ends that. */
    const attached = async (purpose: Purpose, work: (link: Attached) => Promise<void>): Promise<void> => {
      const from = bridge.lines.all.length
      const begun = bridge.log().length
      const socket = await dial(bridge, peer.speaksNetconf ? '' : junosPreamble(purpose))
      const hangUp = await device.serve(socket, purpose)
      try {
        await attachedLink(bridge, purpose, from)
        let client = await login(bridge, purpose)
        const open = (): Promise<ClientChannel> =>
          peer.asCommand ? openCommand(client, 'netconf') : openNetconf(client)
        const clientAgain = async (): Promise<typeof open> => {
          client.destroy()
          client = await login(bridge, purpose)
          return open
        }
        try {
          await work({ echo: peer.speaksNetconf ? netconfEcho : echo, open, clientAgain, cutDevice: hangUp })
        } finally {
          client.end()
        }
      } catch (error) {
        const said = bridge
          .log()
          .slice(begun)
          .flatMap(({ level, msg }) => (level === 'debug' ? [] : [msg]))
        const told = `${(error as Error).message.slice(0, 300)}; the bridge: ${said.join(' / ').slice(-400)}; the device: ${device.said().slice(-200)}`
        throw new Error(told, { cause: error })
      } finally {
        await hangUp()
      }
      await bridge.logged(/^link detached/, { deviceId: purpose }, { from, timeoutMs: SOON })
    }
    const trials: readonly (readonly [Trial, () => Promise<void>])[] = [
      ...LOGINS.map((method) => [method, () => attached(method, bySmallEcho)] as const),
      ['bulk', () => attached(main, async ({ open, echo }) => echo(await open(), BULK))],
      [
        'rekey-by-peer',
        () =>
          attached('rekey', async ({ open, echo }) => {
            const from = bridge.lines.all.length
            await echo(await open(), BULK)
            await exchanged(bridge, 'peer', from)
          }),
      ],
      [
        'rekey-by-bridge',
        () =>
          attached(main, async ({ open, echo }) => {
            const channel = await open()
            await whileBridgeRekeys(bridge, () => echo(channel, BULK))
            await echo(channel, 1_000)
          }),
      ],
      ['idle', () => attached(main, (link) => staysThroughSilence(link, bridge))],
      ['channels', () => attached(main, severalAtOnce)],
      ['close', () => attached(main, peer.speaksNetconf ? takesLeave : closesInOrder)],
      [
        'abrupt',
        async () => {
          await attached(main, (link) => clientBreaksOff(link, { bridge, another: !peer.oneChannel }))
          await attached(main, deviceBreaksOff)
        },
      ],
      ['left', () => nothingLeft(bridge, sockets)],
    ]
    return await tryEach(peer, trials)
  } finally {
    for (const end of ends.toReversed()) await end()
  }
}

function configuration(peer: DevicePeer, means: LoginMeans, hostKeyOf: (id: Purpose) => string) {
  const { keys, certified, agent, password } = means
  const proofs: Readonly<Record<LoginTrial, object>> = {
    password: { password },
    'keyboard-interactive': { password },
    rsa: { 'private-key': keys.rsa.path },
    ecdsa: { 'private-key': keys.ecdsa.path },
    ed25519: { 'private-key': keys.ed25519.path },
    certificate: { 'private-key': certified.path, certificate: `${certified.path}-cert.pub` },
    agent: { agent: agent.socket },
  }
  const main = peer.login ?? 'ed25519'
  return {
    link: {
      'keepalive-interval': `${KEEPALIVE}ms`,
      'keepalive-count-max': UNANSWERED,
      'session-wait': peer.oneChannel ? '1s' : '20s',
    },
    credentials: Object.fromEntries(LOGINS.map((name) => [name, { username: DEVICE_USERS[name], ...proofs[name] }])),
    devices: PURPOSES.map((id) => ({
      id,
      'host-keys': [hostKeyOf(id)],
      credentials: id === 'rekey' ? main : id,
      // Its own, because libssh gets one by default.
      'max-sessions': peer.oneChannel ? 1 : CHANNELS,
    })),
    users: [opsUser()],
    roles: { operator: { devices: ['*'], operations: ['*'], channels: ['netconf', 'exec'] } },
  }
}

/** One for all, or one for each device id where nothing else tells them apart. */
async function hostKeysOf(peer: DevicePeer, directory: string, hostKey: SshKey): Promise<DeviceSetup['hostKeys']> {
  const each = PURPOSES.map(async (purpose) => {
    const key = peer.speaksNetconf ? await makeSshKey(directory, hostKey.type, `host-${purpose}`) : hostKey
    return [purpose, key] as const
  })
  return Object.fromEntries(await Promise.all(each)) as DeviceSetup['hostKeys']
}

async function dial(bridge: RunningBridge, preamble: Buffer | string): Promise<Socket> {
  const socket = connect(bridge.callHomePort, bridge.host)
  socket.on('error', () => undefined)
  socket.pause()
  await once(socket, 'connect')
  await new Promise<void>((resolve) => socket.write(preamble, () => resolve()))
  return socket
}

/** The next call that is judged has to be attached: one is made at a time. */
async function attachedLink(bridge: RunningBridge, purpose: Purpose, from: number): Promise<void> {
  await bridge.lines.match(/"msg":"(call refused|link attached)/, { from, timeoutMs: SOON })
  const judged = bridge.log().findLast(({ msg }) => /^(call refused|link attached)/.test(msg))
  if (judged?.['deviceId'] !== purpose) throw new Error(judged?.msg ?? 'no call was judged')
  if (purpose !== 'rekey' && judged['loggedInBy'] !== LOGGED_IN_BY[purpose])
    throw new Error(`the bridge logged in by ${String(judged['loggedInBy'])}`)
}

/** What the bridge says of a login by each method. */
const LOGGED_IN_BY: Readonly<Record<LoginTrial, string>> = {
  password: 'password',
  'keyboard-interactive': 'keyboard-interactive',
  rsa: 'key',
  ecdsa: 'key',
  ed25519: 'key',
  certificate: 'certificate',
  agent: 'key',
}

async function bySmallEcho({ echo, open }: Attached): Promise<void> {
  await echo(await open(), 1_000)
}

async function staysThroughSilence({ echo, open }: Attached, bridge: RunningBridge): Promise<void> {
  const channel = await open()
  await echo(channel, 1_000)
  const from = bridge.lines.all.length
  await new Promise((resolve) => setTimeout(resolve, IDLE))
  await echo(channel, 1_000)
  if (bridge.lines.all.slice(from).some((line) => line.includes('link detached'))) throw new Error('the link was cut')
}

async function severalAtOnce({ echo, open }: Attached): Promise<void> {
  const channels = await Promise.all(Array.from({ length: CHANNELS }, open))
  await Promise.all(channels.map((channel, number) => echo(channel, 100_000, number)))
}

async function closesInOrder({ echo, open }: Attached): Promise<void> {
  const channel = await open()
  let endOfOutput = false
  channel.on('end', () => (endOfOutput = true))
  await echo(channel, 1_000)
  const all = readAll(channel)
  channel.end()
  const { status } = await within(SOON, 'the channel to be closed', all)
  if (!endOfOutput) throw new Error('there was no EOF')
  if (status !== STATUS) throw new Error(`the exit status was ${status}`)
}

async function takesLeave({ echo, open }: Attached): Promise<void> {
  const channel = await open()
  await echo(channel, 1_000)
  await closeSession(channel)
}

/** The client is gone in the middle: its sessions are over, and the link serves the next one. */
async function clientBreaksOff(
  { echo, open, clientAgain }: Attached,
  { bridge, another }: { readonly bridge: RunningBridge; readonly another: boolean },
): Promise<void> {
  await echo(await open(), 1_000)
  const next = await clientAgain()
  await noSession(bridge)
  if (another) await echo(await next(), 1_000)
}

/** The device is gone in the middle: its client is told. */
async function deviceBreaksOff({ echo, open, cutDevice }: Attached): Promise<void> {
  const channel = await open()
  await echo(channel, 1_000)
  const closed = closeOf(channel)
  await cutDevice()
  await within(SOON, 'the session to end with its device', closed)
}
