import { connect, type Socket } from 'node:net'
import type { ClientChannel } from 'ssh2'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { startSimulatedDevice } from '../../../src/simulator/simulated-device.js'
import { within } from '../../e2e/parts/wait-for.js'
import { type RunningBridge, startBridge } from '../../e2e/support/bridge.js'
import { login, openNetconf } from '../../e2e/support/test-client.js'
import { opsUser } from '../../e2e/support/users.js'
import { helloFor } from '../../northbound/ssh/support/guarded-conversation.js'
import { LONGEST_TURN, longestTurnOf, reportsLoopTurns } from '../../support/loop-turn.js'
import type { Random } from '../random.js'
import { holds } from '../target.js'

/** What the bridge logs in to devices with. */
export const DEVICE_LOGIN = { username: 'netconf', password: 'pw-device' } as const

/** A client whose requests are judged one by one. */
export const VIEWER = 'viewer'

/** What the attacker knows: the secret of a device id that is configured, and not the live one. */
export const secretOf = (deviceId: string): string => `known-of-${deviceId}`

/** The id of the device that is not attacked. */
export const LIVE = 'live'

/** A bridge in a process of its own, with a device and a session on it that nothing may disturb. */
export interface AttackedBridge extends RunningBridge {
  /**
   * Holds while the bridge is there, its live session answers, and no turn of its event loop was long since the last
   * check.
   */
  readonly check: () => Promise<void>
}

/** Milliseconds that a small request may take while others attack; on a busy machine it is seconds. */
const PATIENCE = 30_000

export async function startAttackedBridge(firstUse: 'pend' | 'accept' | 'refuse'): Promise<AttackedBridge> {
  const bridge = await startBridge(
    {
      'call-home': { 'initiation-timeout': '2s', 'handshake-timeout': '5s' },
      // Whoever waits for a device that is gone holds up the attack, and nothing else.
      link: { 'reconnect-wait': '200ms' },
      trust: { 'first-use': firstUse, 'pending-timeout': '3s' },
      credentials: { default: DEVICE_LOGIN },
      devices: [
        { id: LIVE, secret: 'of-the-live-one' },
        ...CONFIGURED.map((id) => ({ id, secret: secretOf(id), algorithms: 'legacy' })),
      ],
      users: [opsUser(), opsUser({ name: VIEWER, roles: [VIEWER] })],
      roles: {
        operator: { devices: ['*'], operations: ['*'] },
        [VIEWER]: { devices: ['*'], operations: ['get', 'get-config:running'] },
      },
      'login-limits': { 'failures-per-address': 100_000, 'failures-per-known-login': 1_000_000 },
      log: { level: 'info', format: 'json' },
    },
    { nodeArguments: reportsLoopTurns },
  )
  const device = startSimulatedDevice({
    id: LIVE,
    bridge: { host: '127.0.0.1', port: bridge.callHomePort },
    ...DEVICE_LOGIN,
    secret: 'of-the-live-one',
    redialDelay: 100,
    retryDelay: 100,
  })
  const stop = async (): Promise<void> => {
    if (process.env['FUZZ_TELL'] !== undefined) tellWhatHappened(bridge)
    await device.stop()
    await bridge.stop()
  }
  try {
    await within(PATIENCE, 'the live device to attach', device.whenAuthenticated())
    const session = await openSession(bridge)
    await longestTurnOf(bridge)
    const check = async (): Promise<void> => {
      const { exitCode, signalCode } = bridge.process
      const last = () => bridge.lines.all.slice(-5).join('\n')
      holds(exitCode === null && signalCode === null, `the bridge ended: ${String(exitCode ?? signalCode)}\n${last()}`)
      await within(PATIENCE, () => `an answer on the live session\n${last()}`, session.ask())
      const turn = await longestTurnOf(bridge)
      // An attack is not made twice the same, so that a garbage collection has to find room in what one turn may take.
      holds(turn < 3 * LONGEST_TURN, `a turn of the event loop took ${Math.round(turn)} ms of CPU time\n${last()}`)
    }
    return { ...bridge, check, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Device ids that have a secret. */
export const CONFIGURED: readonly string[] = ['router1', 'router2', 'router3']

/** A session on the live device that answers request after request. */
async function openSession(bridge: RunningBridge): Promise<{ readonly ask: () => Promise<void> }> {
  const client = await login(bridge, LIVE)
  const channel = await openNetconf(client)
  let received = ''
  let heard = (): void => undefined
  channel.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1')
    heard()
  })
  channel.write(encodeFrame('end-of-message', helloFor('end-of-message')))
  await answered(
    () => received.includes(']]>]]>'),
    channel,
    (told) => (heard = told),
  )
  let id = 0
  return {
    ask: async () => {
      id += 1
      received = ''
      const request = `<rpc xmlns="${NETCONF_NS}" message-id="live-${id}"><get-config><source><running/></source></get-config></rpc>`
      channel.write(encodeFrame('end-of-message', request))
      await answered(
        () => received.includes(']]>]]>'),
        channel,
        (told) => (heard = told),
      )
      holds(received.includes(`message-id="live-${id}"`), `the live session was answered ${received.slice(0, 300)}`)
    },
  }
}

function answered(done: () => boolean, channel: ClientChannel, listen: (told: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => reject(new Error('the live session was closed'))
    channel.once('close', over)
    const look = (): void => {
      if (!done()) return
      channel.off('close', over)
      resolve()
    }
    listen(look)
    look()
  })
}

/** A connection from somewhere in 127.0.0.0/8, so that no bound on one source ends the attack. */
export function dial(port: number, random: Random): Promise<Socket> {
  const from = `127.${random.below(256)}.${random.below(256)}.${1 + random.below(254)}`
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from })
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.once('connect', () => resolve(socket))
    socket.once('close', () => resolve(socket))
  })
}

/** Writes bytes in a few pieces. */
export async function writeInPieces(socket: Socket, bytes: Buffer, random: Random): Promise<void> {
  for (let rest = bytes; rest.length > 0 && !socket.destroyed; ) {
    const size = random.chance(0.4) ? rest.length : 1 + random.below(rest.length)
    socket.write(rest.subarray(0, size))
    rest = rest.subarray(size)
    if (random.chance(0.3)) await pause(random.below(10))
  }
}

/** Hangs up in one of the ways that there are, some of which wait for the bridge to do so. */
export async function hangUp(socket: Socket, random: Random): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
  await Promise.race([closed, pause(random.pick([0, 0, 5, 20, 50, 200]))])
  const way = random.below(4)
  if (way === 0) socket.resetAndDestroy()
  else if (way === 1) socket.end()
  else if (way === 2) socket.end(random.bytes(random.below(100)))
  else socket.destroy()
  await Promise.race([closed, pause(100)])
  socket.destroy()
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** How far attacks came, by what the bridge said: for whoever writes one. */
function tellWhatHappened(bridge: RunningBridge): void {
  const counts = new Map<string, number>()
  for (const line of bridge.log()) {
    const said = typeof line['reason'] === 'string' ? `${line['reason']}: ${line.msg}` : line.msg
    counts.set(said, (counts.get(said) ?? 0) + 1)
  }
  for (const [said, count] of [...counts].toSorted(([, one], [, other]) => other - one))
    process.stderr.write(`${String(count).padStart(6)}  ${said.slice(0, 150)}\n`)
}
