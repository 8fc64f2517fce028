import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { makeClusterKeys } from '../../cluster/support/cluster-keys.js'
import { type PostgresServer, startPostgresServer } from '../parts/postgres-server.js'
import { makeSshKey } from '../parts/ssh-keys.js'
import { type SshdDevice, type SshdDeviceOptions, startSshdDevice } from '../parts/sshd-device.js'
import { makeTempDir } from '../parts/temp-dir.js'
import { askBridge } from './ask-bridge.js'
import { deviceLogin } from './attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './bridge.js'
import type { Stoppable } from './resources.js'
import { opsUser } from './users.js'

/** A node as the API tells of it. */
export type ListedNode = Readonly<Record<string, unknown>> & { readonly id: string; readonly reached: boolean }

/** Nodes of one cluster, each a process of its own, and what they share. */
export type SeveralNodes = {
  readonly server: PostgresServer
  /** The configuration of a node. */
  readonly configOf: (node: string, more?: ConfigFile) => ConfigFile
  readonly start: (node: string, more?: ConfigFile) => Promise<RunningBridge>
  /** A device that calls `at`, whose port may be changed: then it calls elsewhere the next time. */
  readonly device: (at: { port: number }, options?: Partial<SshdDeviceOptions>) => Promise<SshdDevice>
}

/** @param own ends what is started, as `endAfterEach` gives it */
export async function severalNodes(
  own: <T extends Stoppable>(resource: T) => T,
  shared: ConfigFile = {},
): Promise<SeveralNodes> {
  const server = await startPostgresServer()
  own({ stop: server.remove })
  const url = await server.createDatabase()
  const keys = own(makeClusterKeys())
  const directory = await makeTempDir('several-nodes')
  own({ stop: directory.remove })
  const hostKey = await makeSshKey(directory.path, 'ed25519', 'of_the_bridge')
  const secretKey = randomBytes(32).toString('base64')
  const configOf: SeveralNodes['configOf'] = (node, more = {}) => ({
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    trust: { 'first-use': 'accept' },
    users: [opsUser({ roles: ['all'] })],
    roles: { all: { devices: ['*'], operations: ['*'], channels: ['netconf', 'exec'], api: ['read', 'rpc', 'admin'] } },
    endpoint: { ssh: { 'host-keys': [hostKey.path] } },
    cluster: {
      database: url,
      'secret-key': secretKey,
      lease: '3s',
      heartbeat: '200ms',
      listen: '127.0.0.1:0',
      ...keys.files(node),
    },
    ...shared,
    ...more,
  })
  let devices = 0
  return {
    server,
    configOf,
    start: async (node, more) => own(await startBridge(configOf(node, more))),
    device: async (at, options = {}) => {
      devices += 1
      const bridge = Object.defineProperty({ host: '127.0.0.1', port: 0 }, 'port', {
        get: () => at.port,
        enumerable: true,
      })
      return own(
        await startSshdDevice({
          deviceId: 'router1',
          bridge,
          preamble: 'junos',
          hostKeys: [await makeSshKey(directory.path, 'ed25519', `of_device_${devices}`)],
          login: deviceLogin,
          subsystems: {},
          config: ['MaxSessions 20'],
          redialDelay: 500,
          ...options,
        }),
      )
    },
  }
}

/** The nodes as one of them sees them. */
export async function nodesOf(bridge: RunningBridge): Promise<readonly ListedNode[]> {
  const { status, body } = await askBridge(bridge, '/api/v1/nodes')
  expect(status).toBe(200)
  return (JSON.parse(body) as { readonly nodes: readonly ListedNode[] }).nodes
}

/** Settles once each of these has heard of each other one. */
export async function allReached(...bridges: readonly RunningBridge[]): Promise<void> {
  for (const bridge of bridges)
    await expect
      .poll(async () => (await nodesOf(bridge)).filter(({ reached }) => reached).length, { timeout: 20_000 })
      .toBe(bridges.length)
}
