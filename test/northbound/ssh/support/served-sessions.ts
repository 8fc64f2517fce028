import { once } from 'node:events'
import ssh2 from 'ssh2'
import { serveSession, type SessionContext } from '../../../../src/northbound/ssh/session.js'
import { generatePrivateKey } from '../../../../src/ssh/generate-private-key.js'

/** A client's connection on which every session is served in this way. */
export async function connectedTo(
  context: SessionContext,
): Promise<{ readonly client: ssh2.Client; readonly port: number; readonly stop: () => void }> {
  const server = new ssh2.Server({ hostKeys: [generatePrivateKey('ed25519', 'test')] })
  server.on('connection', (connection) => {
    connection.setMaxListeners(0)
    connection.on('error', () => undefined)
    connection.on('authentication', (attempt) => attempt.accept())
    connection.on('session', (accept) => serveSession({ connection, session: accept() }, context, () => undefined))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = new ssh2.Client()
  const ready = once(client, 'ready')
  client.connect({ host: '127.0.0.1', port, username: 'ops', password: 'any' })
  await ready
  return {
    client,
    port,
    stop: () => {
      client.end()
      server.close()
    },
  }
}
