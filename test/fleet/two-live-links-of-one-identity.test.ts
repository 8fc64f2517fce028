import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, limits, makeFleet, settled } from './support/test-fleet.js'

const lost = { reason: 'lost', message: 'the device closed the connection' } as const

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A fleet whose `router1` has dialled so often within a minute that the next one is examined. */
function makeFleetAfterTwoReplacements(answersProbes: () => boolean) {
  const made = makeFleet()
  const contested = vi.fn<(told: { readonly turnedAway: number }) => void>()
  made.fleet.subscribe({ contested })
  const links = ['192.0.2.1:1', '192.0.2.2:2', '192.0.2.1:3'].map((source) => makeLink({ source, answersProbes }))
  for (const link of links) made.fleet.attach(link)
  return { ...made, contested, links, living: links[2] as (typeof links)[number] }
}

describe('a link that replaces another one', () => {
  it('does so at once, also the second time within a minute', async () => {
    const { told, links, contested } = makeFleetAfterTwoReplacements(() => true)
    await settled()
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(['replaced', 'replaced', undefined])
    expect(told).toEqual(['attached', 'replaced', 'replaced'])
    expect(contested).not.toHaveBeenCalled()
  })

  it('is turned away the third time where the one that is there answers, and both are named', async () => {
    const { fleet, open, told, living, contested } = makeFleetAfterTwoReplacements(() => true)
    expect(answerOf(await open())).toBe('ok')
    const twin = makeLink({ source: '192.0.2.2:4' })
    fleet.attach(twin)
    await vi.advanceTimersByTimeAsync(limits.replaceWait - 1)
    expect(twin.endedBy()).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(twin.endedBy()?.reason).toBe('identity-contested')
    expect(living.endedBy()).toBeUndefined()
    expect(contested).toHaveBeenCalledWith(
      expect.objectContaining({ deviceId: 'router1', turnedAway: 1, sources: ['192.0.2.1:3', '192.0.2.2:4'] }),
    )
    expect(told).toEqual(['attached', 'replaced', 'replaced', 'refused'])
    const status = await fleet.device('router1')
    expect(status?.contest).toMatchObject({ turnedAway: 1, sources: ['192.0.2.1:3', '192.0.2.2:4'] })
    expect(status?.lastRefusal?.refusal).toMatchObject({ reason: 'identity-contested', source: '192.0.2.2:4' })
    expect(status?.link).toMatchObject({ source: '192.0.2.1:3', sessions: 1 })
  })

  it('replaces it the third time as well where the one that is there does not answer', async () => {
    const { fleet, living, contested } = makeFleetAfterTwoReplacements(() => false)
    const newer = makeLink({ source: '192.0.2.1:4' })
    fleet.attach(newer)
    await vi.advanceTimersByTimeAsync(limits.replaceWait)
    expect(living.endedBy()?.reason).toBe('replaced')
    expect((await fleet.device('router1'))?.link?.source).toBe('192.0.2.1:4')
    expect(contested).not.toHaveBeenCalled()
  })

  it('attaches at once when the one that is there ends meanwhile', async () => {
    const { fleet, living, told } = makeFleetAfterTwoReplacements(() => true)
    const newer = makeLink({ source: '192.0.2.1:4' })
    fleet.attach(newer)
    living.end(lost)
    await settled()
    expect((await fleet.device('router1'))?.link?.source).toBe('192.0.2.1:4')
    expect(told.slice(-2)).toEqual(['detached', 'attached'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes the turn of an earlier one that waits, however fast they come', async () => {
    const { fleet, living } = makeFleetAfterTwoReplacements(() => false)
    const twins = Array.from({ length: 20 }, (_, index) => makeLink({ source: `192.0.2.2:${index}` }))
    for (const twin of twins) fleet.attach(twin)
    await settled()
    expect(twins.filter((twin) => twin.endedBy() === undefined)).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(limits.replaceWait)
    expect(living.endedBy()?.reason).toBe('replaced')
    expect((await fleet.device('router1'))?.link?.source).toBe('192.0.2.2:19')
  })

  it('that goes away while it waits leaves all as it was', async () => {
    const { fleet, living } = makeFleetAfterTwoReplacements(() => false)
    const newer = makeLink({ source: '192.0.2.1:4' })
    fleet.attach(newer)
    newer.end(lost)
    await settled()
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(limits.replaceWait)
    expect(living.endedBy()).toBeUndefined()
  })

  it('replaces at once again after a quiet minute', async () => {
    const { fleet, living } = makeFleetAfterTwoReplacements(() => true)
    await vi.advanceTimersByTimeAsync(60_001)
    fleet.attach(makeLink({ source: '192.0.2.1:4' }))
    expect(living.endedBy()?.reason).toBe('replaced')
  })

  it('is ended while it waits when the bridge stops, or the device is removed', async () => {
    for (const stop of ['close', 'configure'] as const) {
      const { fleet } = makeFleetAfterTwoReplacements(() => true)
      const newer = makeLink({ source: '192.0.2.1:4' })
      fleet.attach(newer)
      if (stop === 'close') fleet.close()
      else fleet.configure([], limits)
      expect(newer.endedBy()?.reason).toBe(stop === 'close' ? 'shutdown' : 'removed')
      expect(vi.getTimerCount()).toBe(0)
    }
  })
})
