import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDelayProxy } from '../parts/delay-proxy.js'
import { freePort } from '../../e2e/parts/free-port.js'
import { type Lab, responder, sshWords, startSshd } from '../parts/lab.js'
import { listening, startProgram } from '../parts/program.js'
import { waitFor } from '../../e2e/parts/wait-for.js'
import { access } from 'node:fs/promises'
import type { Path } from './path.js'

/** A device that can be dialled, at so many milliseconds of round trip; what is compared with reaches it here. */
export interface DialledDevice {
  readonly port: number
}

export async function startDialledDevice(lab: Lab, roundTripMs = 0): Promise<DialledDevice> {
  const sshd = await startSshd(lab, 'device', [`Subsystem netconf ${responder}`])
  if (roundTripMs === 0) return sshd
  const proxy = await startDelayProxy(sshd.port, roundTripMs)
  lab.onEnd(proxy.stop)
  return proxy
}

/** The client dials the device itself. */
export function directPath(lab: Lab, device: DialledDevice, name = 'direct', middle: readonly number[] = []): Path {
  return {
    name,
    ssh: sshWords(lab, device.port, ['-s', '127.0.0.1', 'netconf']),
    login: { host: '127.0.0.1', port: device.port, username: lab.user, privateKey: lab.loginKeyText },
    middle,
  }
}

/**
 * OpenSSH as the bridge: one kept connection to the device (ControlMaster), each session of a client multiplexed on it.
 */
export async function muxPath(lab: Lab, device: DialledDevice): Promise<Path> {
  const socket = join(lab.dir.path, 'mux')
  const master = startProgram(sshWords(lab, device.port, ['-M', '-S', socket, '-N', '127.0.0.1']))
  lab.onEnd(master.stop)
  await waitFor('the ControlMaster', () =>
    access(socket).then(
      () => true,
      () => false,
    ),
  )
  const script = join(lab.dir.path, 'mux-session')
  const words = sshWords(lab, device.port, ['-S', socket, '-s', '127.0.0.1', 'netconf'])
  await writeFile(script, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')}\n`, { mode: 0o755 })
  const front = await startSshd(lab, 'mux-front', [`Subsystem netconf ${script}`])
  return directPath(lab, front, 'OpenSSH mux', [front.pid, master.pid])
}

/** `ssh -J`: a jump host passes the client's own connection on. */
export async function jumpPath(lab: Lab, device: DialledDevice): Promise<Path> {
  const jump = await startSshd(lab, 'jump', [])
  const proxy = sshWords(lab, jump.port, ['-W', '%h:%p', '127.0.0.1'])
  return {
    name: 'ssh -J',
    ssh: sshWords(lab, device.port, ['-o', `ProxyCommand=${proxy.join(' ')}`, '-s', '127.0.0.1', 'netconf']),
    middle: [jump.pid],
  }
}

/**
 * `ssh -R`: the device keeps a reverse tunnel to a host in the middle. `tunnels` of them, of which the first is the
 * path.
 */
export async function reversePath(lab: Lab, device: DialledDevice): Promise<Path> {
  const front = await startSshd(lab, 'reverse', [])
  const port = await freePort()
  const tunnel = startProgram(
    sshWords(lab, front.port, ['-N', '-R', `127.0.0.1:${port}:127.0.0.1:${device.port}`, '127.0.0.1']),
  )
  lab.onEnd(tunnel.stop)
  await listening(port)
  return directPath(lab, { port }, 'ssh -R', [front.pid])
}

/** socat passes bytes on, and knows nothing of SSH. */
export async function socatPath(lab: Lab, device: DialledDevice): Promise<Path> {
  const port = await freePort()
  const socat = startProgram([
    'socat',
    `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay`,
    `TCP:127.0.0.1:${device.port},nodelay`,
  ])
  lab.onEnd(socat.stop)
  await listening(port)
  return directPath(lab, { port }, 'socat', [socat.pid])
}

/** haproxy in TCP mode. */
export async function haproxyPath(lab: Lab, device: DialledDevice): Promise<Path> {
  const port = await freePort()
  const config = join(lab.dir.path, 'haproxy.cfg')
  await writeFile(
    config,
    `defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
frontend front
  bind 127.0.0.1:${port}
  default_backend device
backend device
  server device 127.0.0.1:${device.port}
`,
  )
  const haproxy = startProgram(['haproxy', '-db', '-f', config])
  lab.onEnd(haproxy.stop)
  await listening(port)
  return directPath(lab, { port }, 'haproxy', [haproxy.pid])
}
