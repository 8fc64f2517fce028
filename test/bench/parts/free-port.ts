import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A TCP port of the loopback address that nothing listens on, for programs that cannot choose one and tell. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
