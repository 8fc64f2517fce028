import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { operatorCaller } from '../../../src/northbound/http/middleware/caller.js'
import { bridgeSchema } from '../../../src/northbound/http/routes/bridge.js'
import { bridgeFacts, fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const services = fleetInMemory({})

async function ask(changes: Partial<Parameters<typeof createApp>[0]> = {}) {
  const answer = await createApp({ ...services, log: recordedLog().log, ...changes }).request('/api/v1/bridge')
  return bridgeSchema.parse(await answer.json())
}

describe('GET /api/v1/bridge', () => {
  it('says what runs and where it listens, and to an administrator which process and file that is', async () => {
    const before = Date.now()
    const { time, ...answer } = await ask()
    expect(answer).toEqual({
      ...bridgeFacts,
      startedAt: '2025-06-01T09:00:00.000Z',
      addresses: {
        callHome: '[::]:4334',
        endpoint: '[::]:830',
        furtherEndpoints: [],
        legacyEndpoint: null,
        http: null,
      },
    })
    expect(Date.parse(time)).toBeGreaterThanOrEqual(before)
  })

  it('says to an administrator what of the configuration has not been read, and why', async () => {
    const problem = { message: '.env: cannot be read (EACCES)', hint: 'make it readable' }
    const configuration = async () => ({
      readAt: new Date('2025-06-01T09:00:00Z'),
      changed: ['/etc/homeport/.env'],
      failedReloads: [{ what: 'configuration' as const, at: new Date('2025-06-01T10:00:00Z'), problems: [problem] }],
    })
    const about = () => ({ ...bridgeFacts, process: { ...bridgeFacts.process, configuration } })
    expect((await ask({ about })).process?.configuration).toEqual({
      readAt: '2025-06-01T09:00:00.000Z',
      changed: ['/etc/homeport/.env'],
      failedReloads: [{ what: 'configuration', at: '2025-06-01T10:00:00.000Z', problems: [problem] }],
    })
    const caller = { ...operatorCaller(services.devices), mayEverywhere: () => false }
    expect((await ask({ about, identify: () => ({ ok: true, caller }) })).process).toBeNull()
  })

  it('says nothing of files and processes to others, and no addresses before it listens', async () => {
    const caller = { ...operatorCaller(services.devices), mayEverywhere: () => false }
    const starting = { ...bridgeFacts, addresses: undefined, openFiles: { limit: undefined, wanted: 1 } }
    expect(await ask({ identify: () => ({ ok: true, caller }), about: () => starting })).toMatchObject({
      process: null,
      addresses: null,
      openFiles: { limit: null, wanted: 1 },
    })
  })
})
