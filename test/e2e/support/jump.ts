import type { Duplex } from 'node:stream'
import type { Client, ClientChannel, ConnectConfig } from 'ssh2'
import type { RunningBridge } from './bridge.js'
import { login } from './test-client.js'
import { ops } from './users.js'

/** A connection to a device inside a connection to the bridge, as `ssh -J` makes it; both with the same options. */
export async function jump(
  bridge: RunningBridge,
  host = 'router1',
  options: Partial<ConnectConfig> = {},
): Promise<{ readonly outer: Client; readonly inner: Client; readonly stop: () => void }> {
  const outer = await login(bridge, '', { ...options, username: ops.name })
  try {
    const inner = await login(bridge, '', { ...options, username: ops.name, sock: await way(outer, host) })
    const stop = (): void => {
      inner.stop()
      outer.stop()
    }
    return { outer, inner, stop }
  } catch (error) {
    outer.stop()
    throw error
  }
}

/** A channel to where a connection inside may begin. */
export function way(outer: Client, host: string, port = 830): Promise<Duplex & ClientChannel> {
  return new Promise((resolve, reject) => {
    outer.forwardOut('127.0.0.1', 0, host, port, (error, channel) => (error ? reject(error) : resolve(channel)))
  })
}
