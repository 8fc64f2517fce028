/*
 * Devices that do no more than call home and let the bridge log in, to tell what a call costs the bridge:
 * `calling-devices.ts PORT COUNT KEX`, all of them at once, with one key exchange. Our own simulator offers no
 * post-quantum one, as the devices that it plays have none. Each has an id and a key that are new.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { KexAlgorithm } from 'ssh2'
import { junosPreamble } from '../../e2e/parts/preamble.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { acceptClient } from '../../../src/ssh/ssh2/certificates.js'
import { ssh2 } from '../../../src/ssh/ssh2/load.js'

const [port = '', count = '', kex = ''] = process.argv.slice(2)
await Promise.all(Array.from({ length: Number(count) }, (_, at) => callHome(`device${process.pid}-${at}`)))

async function callHome(deviceId: string): Promise<void> {
  const server = new ssh2.Server({
    hostKeys: [generatePrivateKey('ed25519', deviceId)],
    // The types of ssh2 do not know what it was taught.
    algorithms: { kex: [kex as KexAlgorithm] },
  })
  server.on('connection', (connection) => {
    acceptClient(connection)
    connection.on('error', (error) => process.stderr.write(`${deviceId}: ${error.message}\n`))
    connection.on('authentication', (context) => context.accept())
  })
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(junosPreamble(deviceId))
  server.injectSocket(socket)
}
