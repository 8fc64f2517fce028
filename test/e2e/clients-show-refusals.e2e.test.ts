import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runNcclient, runParamiko, runPyez, runSsh, runYangcli } from './parts/clients.js'
import { freePort } from './parts/free-port.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { auditedOnce, auditFileOf } from './support/audit-lines.js'
import { clientLogin } from './support/client-login.js'
import { opsUser } from './support/users.js'

const AWAY = 'Homeport: device "away" is not connected: it has not called home since the bridge started'

describe('a NETCONF client that gets no session shows why', () => {
  let attached: AttachedDevice
  let port: number
  beforeAll(async () => {
    port = await freePort()
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      config: {
        devices: [
          { id: 'router1', secret: 'secret-of-the-device' },
          { id: 'away', secret: 'another-secret', endpoint: { port } },
        ],
        users: [opsUser(), opsUser({ name: 'guest', roles: ['guests'] })],
        roles: {
          operator: { devices: ['*'], operations: ['*'] },
          guests: { devices: ['away'], operations: ['*'] },
        },
      },
    })
  })
  afterAll(() => attached?.stop())

  it.each(['default', 'junos'] as const)('ncclient, %s', async (handler) => {
    const login = clientLogin(attached.bridge, 'away')
    const { capabilities, replies } = await runNcclient(login, { handler, steps: [{ do: 'get' }, { do: 'close' }] })
    expect(capabilities).toEqual(['urn:ietf:params:netconf:base:1.0', 'urn:ietf:params:netconf:base:1.1'])
    const [error, leave] = replies
    expect(error?.error).toEqual({ tag: 'resource-denied', message: expect.stringContaining(AWAY) })
    expect(leave?.reply).toContain('ok')
  })

  it('ncclient that only opens a session and takes leave', async () => {
    const run = runNcclient(clientLogin(attached.bridge, 'router1', { user: 'guest' }), { steps: [] })
    await expect(run).rejects.toThrow('RPCError: Homeport: user "guest" has no rights here')
  })

  it('PyEZ', async () => {
    const run = runPyez(clientLogin(attached.bridge, 'away'))
    await expect(run).rejects.toThrow(`RpcError(severity: error, bad_element: None, message: ${AWAY}`)
  })

  it('a program on paramiko', async () => {
    const [session] = await runParamiko(clientLogin(attached.bridge, 'router9'))
    expect(session?.replies[0]).toContain('<error-app-tag>unknown-device</error-app-tag>')
    expect(session?.replies[0]).toContain('Homeport: no device "router9" is known here')
  })

  it('yangcli', async () => {
    const { stdout } = await runYangcli({ ...clientLogin(attached.bridge, ''), user: 'ops', port }, ['get'])
    expect(stdout.toString()).toContain('error-app-tag not-connected')
    expect(stdout.toString()).toContain('is not connected')
  })

  it('ssh, which is told on standard error as before, whether it speaks NETCONF or not', async () => {
    const login = clientLogin(attached.bridge, 'router1', { user: 'guest' })
    const silent = await runSsh(login)
    expect(silent.stdout.toString()).toBe('')
    const hello =
      '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'
    const speaking = await runSsh(
      login,
      `${hello}<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><get/></rpc>]]>]]>`,
    )
    expect(speaking.stdout.toString()).toMatch(
      /<\/hello>\]\]>\]\]><rpc-reply .*message-id="1".*access-denied.*\]\]>\]\]>$/,
    )
    for (const { stderr, status } of [silent, speaking]) {
      expect(stderr).toMatch(/^homeport: user "guest" has no rights here: .+\n$/)
      expect(status).toBe(1)
    }
    await auditedOnce(auditFileOf(attached.bridge), 'refusals in the audit log', (lines) => {
      const refused = lines.filter(({ event, reason }) => event === 'session-refused' && reason === 'no-rights')
      return refused.length === 3
    })
  })
})
