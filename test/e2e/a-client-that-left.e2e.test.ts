import { once } from 'node:events'
import { expect, test } from 'vitest'
import { hashPassword } from '../../src/access/authn/password-hash.js'
import { openRawLogin } from '../ssh/support/raw-login.js'
import { within } from './parts/wait-for.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { ops } from './support/users.js'

const started = endAfterEach()

test('a client that left while its password was checked is not logged in, and holds up no stop', async () => {
  // To check such a hash takes a moment, in which a client can leave.
  const user = { name: ops.name, 'password-hash': await hashPassword(ops.password), roles: ['operator'] }
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
