import { describe, expect, it } from 'vitest'
import { healthOf, type HealthSources } from '../../src/app/health.js'

const draining = new AbortController()
const well: HealthSources = {
  started: () => true,
  draining: draining.signal,
  store: { enrolments: { count: () => Promise.resolve(0) }, problem: () => undefined },
  storeIsShared: false,
  audit: { refuses: () => undefined },
  listening: { 'call-home.ssh': { listening: true }, 'endpoint.ssh': { listening: true } },
}

const unready = (changed: Partial<HealthSources>) => healthOf({ ...well, ...changed }).unready()

describe('the bridge is ready', () => {
  it('where all is well', async () => {
    expect(await unready({})).toEqual([])
  })

  it('unless it does not listen', async () => {
    expect(await unready({ listening: { 'endpoint.ssh': { listening: false } } })).toEqual([
      { part: 'endpoint.ssh', message: 'it does not listen' },
    ])
  })

  it('unless the store cannot be read, or cannot be written, and names no file', async () => {
    const broken = { count: () => Promise.reject(new Error('/var/lib/homeport/homeport.db: broken')) }
    expect(await unready({ store: { ...well.store, enrolments: broken } })).toEqual([
      { part: 'store', message: 'it cannot be read; the log says why' },
    ])
    const failure = { reason: 'disk-full', message: '/var/lib/homeport/homeport.db: full', hint: 'make room' } as const
    expect(await unready({ store: { ...well.store, problem: () => failure } })).toEqual([
      { part: 'store', message: 'it cannot be written (disk-full), so no new device is taken; the log says more' },
    ])
  })

  it('where the store fails that all nodes share, which it tells all the same', async () => {
    const failure = { reason: 'unavailable', message: 'postgres://db/homeport: gone', hint: 'look' } as const
    const count = () => Promise.reject(new Error('gone'))
    const store = { enrolments: { count }, problem: () => failure }
    expect(await unready({ storeIsShared: true, store })).toEqual([])
    expect(healthOf({ ...well, storeIsShared: true, store }).degraded()).toEqual(['store'])
    expect(healthOf({ ...well, storeIsShared: true }).degraded()).toEqual([])
    expect(healthOf({ ...well, store }).degraded()).toEqual([])
  })

  it('unless sessions are refused because the audit log cannot be written', async () => {
    const failure = { reason: 'io', message: '/var/log/audit: cannot be written (EIO)', hint: 'look' } as const
    expect(await unready({ audit: { refuses: () => failure } })).toEqual([
      { part: 'audit', message: 'it cannot be written (io), so no new session is taken; the log says more' },
    ])
  })

  it('until it stops, whatever else there is', async () => {
    draining.abort()
    expect(await unready({ listening: { 'endpoint.ssh': { listening: false } } })).toEqual([
      { part: 'bridge', message: 'it is stopping' },
    ])
  })
})
