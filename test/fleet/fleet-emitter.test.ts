import { afterEach, describe, expect, it } from 'vitest'
import { createFleetEmitter } from '../../src/fleet/fleet-emitter.js'
import { tellFaultsTo } from '../../src/lib/background.js'
import { settled } from './support/test-fleet.js'

const link = {
  source: '192.0.2.1:1',
  number: 1,
  hostKeyFingerprint: 'SHA256:x',
  software: 'OpenSSH_9',
  provenBy: 'pin',
} as const
const attached = (deviceId: string) => ({ deviceId, ...link })

let stopTelling = (): void => undefined
afterEach(() => stopTelling())

describe('what happens in the fleet', () => {
  it('is told after the call that caused it has returned, in its order', async () => {
    const { emit, subscribe } = createFleetEmitter()
    const told: string[] = []
    subscribe({
      attached: ({ deviceId }) => told.push(`attached ${deviceId}`),
      'session-wanted': ({ deviceId }) => told.push(`wanted ${deviceId}`),
    })
    emit('attached', attached('a'))
    emit('session-wanted', { deviceId: 'a' })
    emit('attached', attached('b'))
    expect(told).toEqual([])
    await settled()
    expect(told).toEqual(['attached a', 'wanted a', 'attached b'])
  })

  it('is told to those who listened when it happened, and still do', async () => {
    const { emit, subscribe } = createFleetEmitter()
    const told: string[] = []
    const listen = (name: string) => subscribe({ attached: () => told.push(name) })
    listen('stays')
    const leave = listen('leaves before it is told')
    emit('attached', attached('a'))
    leave()
    listen('comes too late')
    await settled()
    expect(told).toEqual(['stays'])
    emit('attached', attached('a'))
    await settled()
    expect(told).toEqual(['stays', 'stays', 'comes too late'])
  })

  it('that a listener causes is told after what had happened before', async () => {
    const { emit, subscribe } = createFleetEmitter()
    const told: string[] = []
    subscribe({
      attached: ({ deviceId }) => {
        told.push(deviceId)
        if (deviceId === 'a') emit('attached', attached('caused by a'))
      },
    })
    emit('attached', attached('a'))
    emit('attached', attached('b'))
    await settled()
    expect(told).toEqual(['a', 'b', 'caused by a'])
  })

  it('is told to the others also where one of them throws, and that is told as a fault', async () => {
    const { emit, subscribe } = createFleetEmitter()
    const faults: unknown[] = []
    stopTelling = tellFaultsTo((place, error) => void faults.push([place, error]))
    const told: string[] = []
    const fault = new Error('cannot listen')
    subscribe({
      attached: () => {
        throw fault
      },
    })
    subscribe({ attached: ({ deviceId }) => told.push(deviceId) })
    emit('attached', attached('a'))
    emit('attached', attached('b'))
    await settled()
    expect(told).toEqual(['a', 'b'])
    expect(faults).toEqual([
      ['fleet', fault],
      ['fleet', fault],
    ])
  })
})
