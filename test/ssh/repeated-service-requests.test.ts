import type { Client, ConnectConfig } from 'ssh2'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { tolerateRepeatedServiceRequest } from '../../src/ssh/ssh2/connections.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { insidesOf, openSshPair } from './support/ssh-pair.js'

const own = endAfterEach()

const askFor = (client: Client, service: string): void => {
  const { _protocol: protocol } = insidesOf(client)
  protocol.service(service)
}

/** Asks for the service twice more, as paramiko does before each attempt, and logs in then. */
function askingTwiceMore(client: Client): Partial<ConnectConfig> {
  let asked = 0
  return {
    authHandler: (_left, _partial, next) => {
      asked += 1
      if (asked <= 2) return askFor(client, 'ssh-userauth')
      next({ type: 'password', username: 'test', password: 'any' })
    },
  }
}

describe('a client that repeats its service request before it logs in', () => {
  it('is let in', async () => {
    const pair = own(await openSshPair({ onConnection: tolerateRepeatedServiceRequest, connect: askingTwiceMore }))
    const { server, client } = await pair.open()
    const heard = once(server, 'data')
    client.write('hello')
    expect(String(await heard)).toBe('hello')
  })

  it('would be disconnected by ssh2 itself', async () => {
    await expect(openSshPair({ connect: askingTwiceMore })).rejects.toThrow('SERVICE_NOT_AVAILABLE')
  })

  it('is disconnected when it asks again after it has logged in', async () => {
    const pair = own(await openSshPair({ onConnection: tolerateRepeatedServiceRequest }))
    const closed = new Promise<void>((resolve) => pair.client.once('close', () => resolve()))
    askFor(pair.client, 'ssh-userauth')
    await closed
  })

  it('is disconnected when it asks for another service', async () => {
    const askingForAnother = (client: Client): Partial<ConnectConfig> => ({
      authHandler: () => askFor(client, 'ssh-connection'),
    })
    await expect(
      openSshPair({ onConnection: tolerateRepeatedServiceRequest, connect: askingForAnother }),
    ).rejects.toThrow('SERVICE_NOT_AVAILABLE')
  })
})
