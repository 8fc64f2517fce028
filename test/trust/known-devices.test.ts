import { describe, expect, it } from 'vitest'
import { createKnownDevices } from '../../src/trust/known-devices.js'
import { knownDevice } from './support/known-devices.js'

const pinOf = (comment: string) => ({ type: 'ssh-ed25519', blob: Buffer.from(`blob of ${comment}`), comment })
const [first, second] = [pinOf('first'), pinOf('second')]
const idsOf = (devices: readonly { readonly id: string }[]) => devices.map(({ id }) => id)

describe('known devices', () => {
  it('are found by id, name, host key and secret', () => {
    const known = createKnownDevices([
      knownDevice('Router1', { aliases: ['edge.example.net'], pins: [first], secret: 's' }),
      knownDevice('router2', { pins: [first, second], secret: 's' }),
      knownDevice('router3'),
    ])
    expect(known.byId('Router1')?.id).toBe('Router1')
    expect(known.byId('router1')).toBeUndefined()
    expect(idsOf(known.byName('ROUTER1'))).toEqual(['Router1'])
    expect(idsOf(known.byName('Edge.example.net'))).toEqual(['Router1'])
    expect(idsOf(known.byPin(first.blob))).toEqual(['Router1', 'router2'])
    expect(idsOf(known.byPin(Buffer.from(second.blob)))).toEqual(['router2'])
    expect(idsOf(known.bySecret('s'))).toEqual(['Router1', 'router2'])
    expect(known.pinTypes()).toEqual(['ssh-ed25519'])
    expect(idsOf([...known.all()])).toEqual(['Router1', 'router2', 'router3'])
  })

  it('that change are found by what they are now, and those that are gone by nothing', () => {
    const known = createKnownDevices([knownDevice('r', { aliases: ['old'], pins: [first], secret: 's' })])
    known.set(knownDevice('r', { aliases: ['new'], pins: [second] }))
    expect([known.byName('old'), known.byPin(first.blob), known.bySecret('s')]).toEqual([[], [], []])
    expect([idsOf(known.byName('new')), idsOf(known.byPin(second.blob))]).toEqual([['r'], ['r']])
    known.delete('r')
    known.delete('r')
    expect([known.byId('r'), known.byName('r'), known.byPin(second.blob), known.pinTypes()]).toEqual([
      undefined,
      [],
      [],
      [],
    ])
  })
})
