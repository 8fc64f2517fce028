import { describe, expect, it, vi } from 'vitest'
import { createSessionSlots, type Release, type SessionSlots } from '../../src/fleet/session-slots.js'

function take(slots: SessionSlots): Release {
  const release = slots.take()
  if (release === undefined) throw new Error('none is free')
  return release
}

describe('the sessions of a link', () => {
  it('are given while there are any', () => {
    const slots = createSessionSlots(2)
    take(slots)
    take(slots)
    expect([slots.taken(), slots.free()]).toEqual([2, 0])
    expect(slots.take()).toBeUndefined()
  })

  it('are given back once, however often it is said', () => {
    const slots = createSessionSlots(2)
    const [first] = [take(slots), take(slots)]
    first()
    first()
    expect(slots.taken()).toBe(1)
    take(slots)
    first()
    expect(slots.taken()).toBe(2)
  })

  it('become more by a new limit, which is told', () => {
    const freed = vi.fn<() => void>()
    const slots = createSessionSlots(1, { freed })
    take(slots)
    slots.limit(3)
    expect(slots.free()).toBe(2)
    expect(freed).toHaveBeenCalledTimes(1)
  })

  it('become fewer by a new limit, without ending those that run', () => {
    const slots = createSessionSlots(2)
    const releases = [take(slots), take(slots)]
    slots.limit(1)
    releases[0]?.()
    expect([slots.taken(), slots.free()]).toEqual([1, 0])
    releases[1]?.()
    expect([slots.taken(), slots.free()]).toEqual([0, 1])
  })

  it('tell that one is free before they tell that none is taken, and not that where one was taken in between', () => {
    const told: string[] = []
    let again: Release | undefined
    const slots: SessionSlots = createSessionSlots(1, {
      freed: () => {
        told.push('freed')
        if (told.length === 1) again = slots.take()
      },
      idle: () => told.push('idle'),
    })
    take(slots)()
    expect(told).toEqual(['freed'])
    again?.()
    expect(told).toEqual(['freed', 'freed', 'idle'])
  })

  it('are over once they are closed, and tell nothing any more', () => {
    const freed = vi.fn<() => void>()
    const slots = createSessionSlots(2, { freed })
    const release = take(slots)
    slots.close()
    expect([slots.take(), slots.free()]).toEqual([undefined, 0])
    release()
    expect(slots.taken()).toBe(0)
    expect(freed).not.toHaveBeenCalled()
  })
})
