import { describe, expect, it } from 'vitest'
import { remoteSoftwareOf, socketOf } from '../../src/ssh/ssh2/connections.js'
import { assertSupportedSsh2 } from '../../src/ssh/ssh2/supported-version.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { openSshPair } from './support/ssh-pair.js'

const own = endAfterEach()

describe('the installed ssh2', () => {
  it('is the one whose insides are known', () => {
    expect(assertSupportedSsh2).not.toThrow()
  })

  it('tells the socket below a connection and the software of the other side', async () => {
    const { client, connection } = own(await openSshPair())
    expect(socketOf(client).remotePort).toBe(socketOf(connection).localPort)
    expect(remoteSoftwareOf(client)).toMatch(/^ssh2js/)
  })
})
