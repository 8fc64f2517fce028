import type { Socket } from 'node:net'
import type { Client, ClientChannel } from 'ssh2'
import { openNetconf } from './test-client.js'

type Insides = {
  readonly _sock: Socket
  readonly _protocol: { readonly channelWindowAdjust: (channel: number, bytes: number) => void }
}

/**
 * Opens the subsystem `netconf` and lets the other side send nearly 4 GiB without asking again, as a hostile client
 * may.
 */
export async function openWithHugeWindow(client: Client): Promise<ClientChannel> {
  const channel = await openNetconf(client)
  const { id } = (channel as unknown as { readonly outgoing: { readonly id: number } }).outgoing
  ;(client as unknown as Insides)._protocol.channelWindowAdjust(id, 2 ** 32 - 2 ** 22)
  return channel
}

/** Reads nothing more from the connection as a whole. */
export function stopReading(client: Client): void {
  ;(client as unknown as Insides)._sock.pause()
}
