import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A TCP port that was free a moment ago on `host` (default 127.0.0.1), for programs that cannot be told to take port 0. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
