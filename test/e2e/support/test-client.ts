import { type EventEmitter, once } from 'node:events'
import type { Client, ClientChannel, ConnectConfig } from 'ssh2'
// The bridge's, whose ciphers suit a connection inside another where there is no addon.
import { ssh2 } from '../../../src/ssh/ssh2/load.js'
import type { RunningBridge } from './bridge.js'
import { ops } from './users.js'

/** Logs in at the bridge with ssh2, for tests that look at single bytes; tests of behaviour use the real clients. */
export async function login(
  bridge: RunningBridge,
  deviceId: string,
  options: Partial<ConnectConfig> = {},
): Promise<Client & { readonly stop: () => void }> {
  const client = new ssh2.Client()
  const ready = once(client, 'ready')
  // A connection that breaks off may tell of it twice, and only the first makes `ready` fail.
  client.on('error', () => undefined)
  client.connect({
    host: bridge.host,
    port: bridge.endpointPort,
    username: `${ops.name}@${deviceId}`,
    password: ops.password,
    ...options,
  })
  await ready
  client.setNoDelay(true)
  return Object.assign(client, { stop: () => void client.end() })
}

/** Settles when the connection is gone, however it went; `once` of events would take an error for a failure. */
export function closeOf(client: EventEmitter): Promise<void> {
  return new Promise((resolve) => client.once('close', () => resolve()))
}

/** Opens the subsystem `netconf`. */
export function openNetconf(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.subsys('netconf', (error, channel) => (error ? reject(error) : resolve(channel)))
  })
}

/** Runs a command, such as `netconf`. */
export function openCommand(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)))
  })
}

/** Reads a channel to its end. */
export async function readAll(
  channel: ClientChannel,
): Promise<{ readonly output: Buffer; readonly errors: string; readonly status: number | null | undefined }> {
  const output: Buffer[] = []
  const errors: Buffer[] = []
  channel.on('data', (bytes: Buffer) => output.push(bytes))
  channel.stderr.on('data', (bytes: Buffer) => errors.push(bytes))
  const [status] = (await once(channel, 'close')) as [number | null | undefined]
  return { output: Buffer.concat(output), errors: Buffer.concat(errors).toString(), status }
}
