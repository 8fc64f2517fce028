import { once } from 'node:events'
import ssh2, { type ClientChannel } from 'ssh2'
import type { Path } from '../paths/path.js'
import { greet } from './netconf-pipe.js'

/** Dials, logs in, opens a session and reads the device's hello; milliseconds from the first to the last. */
export async function timeNewSession({ login }: Path): Promise<number> {
  if (login === undefined) throw new Error('only OpenSSH can go this way')
  const client = new ssh2.Client()
  const began = performance.now()
  client.connect({ ...login, authHandler: ['publickey'] })
  await once(client, 'ready')
  client.setNoDelay(true)
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.subsys('netconf', (error, opened) => (error ? reject(error) : resolve(opened)))
  })
  await greet(channel, channel)
  const took = performance.now() - began
  client.end()
  await once(client, 'close')
  return took
}
