import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { junosPreamble } from '../../e2e/parts/preamble.js'
import { dyingWithUs, killGroup } from '../../e2e/parts/processes.js'
import { type ConfigFile, type RunningBridge, startBridge } from '../../e2e/support/bridge.js'
import { startDelayProxy } from '../parts/delay-proxy.js'
import { type Lab, responder, sshWords, writeSshdConfig } from '../parts/lab.js'
import type { Path } from './path.js'

export interface HomeportPath extends Path {
  readonly bridge: RunningBridge
}

export interface HomeportOptions {
  readonly name?: string
  /** Milliseconds between device and bridge, there and back. */
  readonly roundTripMs?: number
  /** More keys of the device in the configuration. */
  readonly device?: ConfigFile
  /** More of the configuration; the rest has its defaults. */
  readonly config?: ConfigFile
  /** Roles of the user that clients log in as. */
  readonly roles?: readonly string[]
  /** For a profile, say. */
  readonly nodeArguments?: readonly string[]
  /** `dist/main.js` of another build. */
  readonly program?: string
}

/**
 * The build that a change is measured against, `dist/main.js` of an older checkout: one more path beside ours where it
 * is given.
 */
const before = process.env['HOMEPORT_BENCH_BEFORE']

/** The same path through the build before, where there is one to compare with. */
export async function buildBefore(lab: Lab, options: HomeportOptions = {}): Promise<readonly HomeportPath[]> {
  return before === undefined ? [] : [await homeportPath(lab, { ...options, name: 'build before', program: before })]
}

/**
 * Our bridge as it is configured by default, the audit log included, with a device that is `sshd -i` and calls home.
 */
export async function homeportPath(lab: Lab, options: HomeportOptions = {}): Promise<HomeportPath> {
  const {
    name = 'homeport',
    roundTripMs = 0,
    device = {},
    config = {},
    roles = ['operator'],
    nodeArguments = [],
    program,
  } = options
  const deviceId = 'router1'
  const bridge = await startBridge(
    {
      log: { level: 'info', format: 'json' },
      credentials: { default: { username: lab.user, 'private-key': lab.loginKey.path } },
      devices: [{ id: deviceId, 'host-keys': [lab.hostKey.publicKey], 'max-sessions': 200, ...device }],
      users: [{ name: 'bench', 'authorized-keys': [lab.loginKey.publicKey], roles }],
      ...config,
    },
    { nodeArguments, ...(program === undefined ? {} : { program }) },
  )
  lab.onEnd(bridge.stop)
  await callHome(lab, `${name.replaceAll(/\W+/g, '-')}-device`, deviceId, bridge.callHomePort, roundTripMs)
  await bridge.logged(/^link attached/, { deviceId })
  const username = `bench@${deviceId}`
  const words = sshWords(lab, bridge.endpointPort, ['-o', `User=${username}`, '-s', '127.0.0.1', 'netconf'])
  return {
    name,
    ssh: words.filter((word, at) => word !== `User=${lab.user}` && words[at + 1] !== `User=${lab.user}`),
    login: { host: bridge.host, port: bridge.endpointPort, username, privateKey: lab.loginKeyText },
    middle: [bridge.process.pid ?? 0],
    bridge,
  }
}

/** `sshd -i` on a connection that it opened to the bridge, as Junos' outbound-ssh does. */
async function callHome(lab: Lab, name: string, deviceId: string, port: number, roundTripMs: number): Promise<void> {
  const config = await writeSshdConfig(lab, name, [`Subsystem netconf ${responder}`])
  const proxy = roundTripMs === 0 ? undefined : await startDelayProxy(port, roundTripMs)
  if (proxy !== undefined) lab.onEnd(proxy.stop)
  const socket = connect({ host: '127.0.0.1', port: proxy?.port ?? port, noDelay: true })
  socket.pause()
  await once(socket, 'connect')
  await new Promise<void>((resolve) => socket.write(junosPreamble(deviceId), () => resolve()))
  const [command, args] = dyingWithUs(['/usr/sbin/sshd', '-i', '-e', '-f', config])
  const sshd = spawn(command, args, { stdio: [socket, socket, 'inherit'], detached: true })
  socket.destroy()
  lab.onEnd(() => killGroup(sshd))
}
