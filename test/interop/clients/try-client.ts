import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { byteSubsystem } from '../../e2e/parts/byte-subsystem.js'
import { makeTempDir } from '../../e2e/parts/temp-dir.js'
import { startAttachedDevice } from '../../e2e/support/attached-device.js'
import { cheapPasswordHash, ops, opsUser } from '../../e2e/support/users.js'
import { ECHO } from '../devices/openssh.js'
import {
  exchanged,
  noSession,
  nothingLeft,
  rekeysWith,
  sessionsOf,
  socketsOf,
  whileBridgeRekeys,
} from '../parts/bridge-state.js'
import { acceptedKeys, makeLoginMeans } from '../parts/login-means.js'
import { BULK, CHANNELS, IDLE, KEEPALIVE, REKEY, STATUS } from '../parts/pattern.js'
import { LOGINS, type LoginTrial, type Outcome, type Trial, tryEach } from '../trial.js'
import type { ClientPeer, ClientRun, ClientTask } from './client-peer.js'

const DEVICE = 'router1'

/** What the bridge says of a login by each method. */
const AUTHENTICATED_BY: Readonly<Record<LoginTrial, string>> = {
  password: 'password',
  'keyboard-interactive': 'keyboard-interactive',
  rsa: 'publickey',
  ecdsa: 'publickey',
  ed25519: 'publickey',
  certificate: 'publickey',
  agent: 'publickey',
}

/** All trials of one client, one after the other on a bridge of its own with OpenSSH's sshd as the device. */
export async function tryClient(peer: ClientPeer): Promise<readonly Outcome[]> {
  const directory = await (peer.directory ?? makeTempDir)('interop')
  const means = await makeLoginMeans(directory.path, [ops.name])
  const ends: (() => Promise<void>)[] = [directory.remove, means.stop]
  if (peer.stop !== undefined) ends.push(peer.stop)
  try {
    const { bridge, stop } = await startAttachedDevice({
      netconf: peer.speaksNetconf ? byteSubsystem.answers() : ECHO,
      deviceId: DEVICE,
      nodeArguments: rekeysWith('client'),
      config: {
        users: [
          opsUser({ 'password-hash': cheapPasswordHash(means.password), 'authorized-keys': acceptedKeys(means) }),
        ],
        endpoint: {
          ssh: {
            'trusted-user-ca-keys': [`${means.userCa.path}.pub`],
            'keepalive-interval': `${KEEPALIVE}ms`,
            'keepalive-count-max': 30,
          },
        },
      },
    })
    ends.push(stop)
    const sockets = await socketsOf(bridge)
    const main = peer.login ?? 'ed25519'

    /** Has the client do something, and kills it whatever becomes of that. */
    const doing = async (asked: Partial<ClientTask>, work: (run: ClientRun) => Promise<void>): Promise<void> => {
      const run = await peer.start({
        host: bridge.host,
        port: bridge.endpointPort,
        user: `${ops.name}@${DEVICE}`,
        method: main,
        means,
        directory: await mkdtemp(join(directory.path, 'task-')),
        bytes: 1_000,
        channels: 1,
        idle: 0,
        rekey: 0,
        hold: false,
        ...asked,
      })
      for (const one of [run.echoed, run.statuses]) one.catch(() => undefined)
      const from = bridge.log().length
      try {
        await work(run)
      } catch (error) {
        const said = bridge
          .log()
          .slice(from)
          .flatMap(({ level, msg }) => (level === 'debug' ? [] : [msg]))
        throw new Error(`${(error as Error).message.slice(0, 500)}; the bridge: ${said.join(' / ').slice(-300)}`, {
          cause: error,
        })
      } finally {
        await run.kill()
      }
    }
    const whole = async ({ echoed, statuses }: ClientRun): Promise<void> => {
      await echoed
      await statuses
    }
    const logsIn = async (method: LoginTrial): Promise<void> => {
      const from = bridge.log().length
      await doing({ method }, whole)
      const login = bridge
        .log()
        .slice(from)
        .find(({ msg }) => msg === 'client authenticated')
      if (login?.['method'] !== AUTHENTICATED_BY[method])
        throw new Error(`it logged in by ${String(login?.['method'])}`)
    }
    const trials: readonly (readonly [Trial, () => Promise<void>])[] = [
      ...LOGINS.map((method) => [method, () => logsIn(method)] as const),
      ['bulk', () => doing({ bytes: BULK }, whole)],
      [
        'rekey-by-peer',
        async () => {
          const from = bridge.lines.all.length
          await doing({ bytes: BULK, rekey: REKEY }, whole)
          await exchanged(bridge, 'peer', from)
        },
      ],
      ['rekey-by-bridge', () => whileBridgeRekeys(bridge, () => doing({ bytes: BULK }, whole))],
      ['idle', () => doing({ idle: IDLE }, whole)],
      ['channels', () => doing({ channels: CHANNELS, bytes: 100_000 }, whole)],
      [
        'close',
        () =>
          doing({}, async ({ statuses }) => {
            const [status] = await statuses
            if (status !== (peer.speaksNetconf ? 0 : STATUS)) throw new Error(`the exit status was ${String(status)}`)
          }),
      ],
      [
        'abrupt',
        () =>
          doing({ hold: true }, async ({ echoed, kill }) => {
            await echoed
            if ((await sessionsOf(bridge)) === 0) throw new Error('there was no session')
            await kill()
            await noSession(bridge)
          }),
      ],
      ['left', () => nothingLeft(bridge, sockets)],
    ]
    return await tryEach(peer, trials)
  } finally {
    for (const end of ends.toReversed()) await end()
  }
}
