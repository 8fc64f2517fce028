import { nextEvent } from './support/next-event.js'
import { describe, expect, it } from 'vitest'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, makeFleet, settled } from './support/test-fleet.js'

const lost = { reason: 'lost', message: 'the device closed the connection' } as const
const refusal = { reason: 'wrong-hmac', message: 'm', hint: 'h', source: '192.0.2.9:9' } as const

describe('a link', () => {
  it('serves its device from its attachment to its end', async () => {
    const { fleet, told, open } = makeFleet()
    expect(await fleet.device('router1')).toEqual({ id: 'router1', labels: {}, maxSessions: 2 })
    const link = makeLink()
    fleet.attach(link)
    expect(answerOf(await open())).toBe('ok')
    expect((await fleet.device('router1'))?.link).toMatchObject({ source: link.source, sessions: 1, queued: 0 })
    link.end(lost)
    await settled()
    const status = await fleet.device('router1')
    expect(status?.link).toBeUndefined()
    expect(status?.lastDetached?.end).toEqual(lost)
    expect(told).toEqual(['attached', 'detached'])
  })

  it('is replaced by a newer one at once: the old one is ended, its sessions are told, and the new one serves', async () => {
    const { fleet, told, open } = makeFleet()
    const [old, newer] = [makeLink({ source: '192.0.2.1:1' }), makeLink({ source: '192.0.2.1:2' })]
    fleet.attach(old)
    const session = await open()
    const replaced = nextEvent(fleet, 'replaced')
    fleet.attach(newer)
    expect((await replaced)[0]).toMatchObject({ source: newer.source, oldSource: old.source, sessions: 1 })
    expect(old.endedBy()).toEqual({ reason: 'replaced', message: 'the device dialled in again from 192.0.2.1:2' })
    expect(session.ok && session.channel.linkEnd()).toMatchObject({ reason: 'replaced' })
    expect(answerOf(await open())).toBe('ok')
    expect([old.requests.length, newer.requests.length]).toEqual([1, 1])
    expect((await fleet.device('router1'))?.link).toMatchObject({ source: newer.source, sessions: 1 })
    await settled()
    expect(told).toEqual(['attached', 'replaced'])
    expect(newer.endedBy()).toBeUndefined()
  })

  it('that ends after it was replaced takes nothing from the new one', async () => {
    const { fleet, told } = makeFleet()
    const [old, newer] = [makeLink(), makeLink({ source: '192.0.2.1:2' })]
    // This one tells of its end only later, as a half-open connection may.
    let endOld: (() => void) | undefined
    const slow = { ...old, ended: new Promise<typeof lost>((resolve) => (endOld = () => resolve(lost))) }
    fleet.attach(slow)
    fleet.attach(newer)
    endOld?.()
    await settled()
    const status = await fleet.device('router1')
    expect(status?.link).toMatchObject({ source: newer.source })
    expect(status?.lastDetached).toBeUndefined()
    expect(told).toEqual(['attached', 'replaced'])
  })

  it('that is replaced sends those who wait for its sessions to the new one', async () => {
    const { fleet, open } = makeFleet()
    const [old, newer] = [makeLink(), makeLink({ source: '192.0.2.1:2' })]
    fleet.attach(old)
    await Promise.all([open(), open()])
    const waiting = [open(), open()]
    await settled()
    fleet.attach(newer)
    expect((await Promise.all(waiting)).map(answerOf)).toEqual(['ok', 'ok'])
    expect([old.requests.length, newer.requests.length]).toEqual([2, 2])
  })

  it('that ends while a session is being opened on it sends that one to the new one', async () => {
    const { fleet, open } = makeFleet()
    const newer = makeLink({ source: '192.0.2.1:2' })
    const old = makeLink({
      answer: async (_request, link) => {
        await link.ended
        return { ok: false, cause: 'link-closed', message: 'the link ended' }
      },
    })
    fleet.attach(old)
    const opening = open()
    await settled()
    fleet.attach(newer)
    expect(answerOf(await opening)).toBe('ok')
    expect(newer.requests.length).toBe(1)
  })

  it('of a device that is not configured is ended', async () => {
    const { fleet, told } = makeFleet()
    const link = makeLink({ deviceId: 'router9' })
    fleet.attach(link)
    expect(link.endedBy()?.reason).toBe('removed')
    expect(told).toEqual([])
  })

  it('frees the place of a session when that is closed', async () => {
    const { fleet, open } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    await Promise.all([open(), open()])
    const third = open()
    await settled()
    expect((await fleet.device('router1'))?.link).toMatchObject({ sessions: 2, queued: 1 })
    link.closeChannel(0)
    expect(answerOf(await third)).toBe('ok')
    expect((await fleet.device('router1'))?.link).toMatchObject({ sessions: 2, queued: 0 })
  })
})

describe('a refused call', () => {
  it('is told and kept with the device that it claimed, and touches no link', async () => {
    const { fleet, told, open } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    fleet.refuse({ ...refusal, deviceId: 'router1' })
    expect((await fleet.device('router1'))?.lastRefusal?.refusal).toMatchObject({ reason: 'wrong-hmac' })
    expect(link.endedBy()).toBeUndefined()
    expect(answerOf(await open())).toBe('ok')
    expect(told).toEqual(['attached', 'refused'])
  })

  it.each([[{}], [{ deviceId: 'router9' }]])('that claims %j is told and kept nowhere', async (claimed) => {
    const { fleet, told } = makeFleet()
    fleet.refuse({ ...refusal, ...claimed })
    expect(await fleet.devices()).toEqual([{ id: 'router1', labels: {}, maxSessions: 2 }])
    expect(told).toEqual(['refused'])
  })
})
