import { randomBytes, scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { openRawLogin } from '../ssh/support/raw-login.js'
import { within } from './parts/wait-for.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { ops } from './support/users.js'

const started = endAfterEach()

/** As `homeport user hash-password` makes it: to check one takes a moment, in which a client can leave. */
function passwordHash(password: string): string {
  const salt = randomBytes(16)
  const hash = scryptSync(password, salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 27 })
  const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
  return `$scrypt$ln=15,r=8,p=1$${base64(salt)}$${base64(hash)}`
}

test('a client that left while its password was checked is not logged in, and holds up no stop', async () => {
  const user = { name: ops.name, 'password-hash': passwordHash(ops.password), roles: ['operator'] }
  const bridge = started(await startBridge({ users: [user] }))
  const { host, endpointPort: port } = bridge
  const gone = await openRawLogin({ host, port, username: `${ops.name}@router1` })
  gone.password(ops.password)
  gone.stop()
  await bridge.logged(/login given up/)
  expect(bridge.log().filter(({ msg }) => msg === 'client authenticated')).toEqual([])
  const exited = once(bridge.process, 'exit')
  bridge.process.kill('SIGTERM')
  await within(30_000, 'the bridge to end', exited)
})
