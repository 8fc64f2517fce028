import { once } from 'node:events'
import { connect } from 'node:net'
import ssh2, { type ClientChannel } from 'ssh2'
import type { Path } from '../paths/path.js'
import { greet } from './netconf-pipe.js'

/** Dials, logs in, opens a session and reads the device's hello; milliseconds from the first to the last. */
export async function timeNewSession({ login }: Path): Promise<number> {
  if (login === undefined) throw new Error('only OpenSSH can go this way')
  const { host, port, ...who } = login
  const client = new ssh2.Client()
  const began = performance.now()
  // ssh2 leaves Nagle's algorithm on, which costs more in any handshake than what is measured here.
  client.connect({ ...who, sock: connect({ host, port, noDelay: true }), authHandler: ['publickey'] })
  await once(client, 'ready')
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.subsys('netconf', (error, opened) => (error ? reject(error) : resolve(opened)))
  })
  await greet(channel, channel)
  const took = performance.now() - began
  client.end()
  await once(client, 'close')
  return took
}
