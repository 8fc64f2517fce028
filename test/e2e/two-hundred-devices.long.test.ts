import { describe, expect, it } from 'vitest'
import { openClientSession } from '../../src/netconf/client-session.js'
import { operation } from '../../src/netconf/rpc.js'
import { startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { deviceLogin } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const count = 200

describe('two hundred simulated devices', () => {
  it('dial in at once, each answers to its own name, none to another’s', async () => {
    const ids = Array.from({ length: count }, (_, at) => `sim-${at + 1}`)
    const bridge = own(
      await startBridge({
        credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
        devices: ids.map((id) => ({ id, secret: `secret of ${id}` })),
        users: [opsUser()],
      }),
    )
    const devices = own(
      startSimulatedDevices({
        count,
        to: { host: bridge.host, port: bridge.callHomePort },
        secret: 'secret of {id}',
        username: deviceLogin.user,
        password: deviceLogin.password,
      }),
    )
    await devices.attached
    await Promise.all(ids.map((id) => bridge.logged(/^link attached/, { deviceId: id })))

    const answers = new Map<string, string | undefined>()
    const remaining = [...ids]
    const ask = async (): Promise<void> => {
      for (let id = remaining.pop(); id !== undefined; id = remaining.pop()) {
        const client = await login(bridge, id)
        const session = await openClientSession(await openNetconf(client))
        const { bytes } = await session.request(operation.getConfig('running'))
        answers.set(id, /<hostname>([^<]*)<\/hostname>/.exec(bytes.toString())?.[1])
        await session.close()
        client.end()
      }
    }
    await Promise.all(Array.from({ length: 8 }, ask))
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(ids.map((id) => [id, id])))
  })
})
