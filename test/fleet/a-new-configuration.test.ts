import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeHeldSession } from './support/hand-made-held-session.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, limits, makeFleet, router, settled } from './support/test-fleet.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a new configuration', () => {
  it('keeps the links of devices that stay and are still proven, with their sessions', async () => {
    const { fleet, told, open } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    const session = await open()
    fleet.configure([{ ...router('router1', 3), labels: { site: 'tokyo' } }, router('router2')], limits)
    await settled()
    expect(link.endedBy()).toBeUndefined()
    expect(session.ok && session.channel.linkEnd()).toBeUndefined()
    expect(await fleet.device('router1')).toMatchObject({
      labels: { site: 'tokyo' },
      maxSessions: 3,
      link: { sessions: 1 },
    })
    expect((await fleet.devices()).map(({ id }) => id)).toEqual(['router1', 'router2'])
    expect(told).toEqual(['attached'])
  })

  it('ends the link of a device that is removed, and it is unknown from then on', async () => {
    const { fleet, told, open } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    fleet.configure([router('router2')], limits)
    expect(link.endedBy()?.reason).toBe('removed')
    expect(await fleet.device('router1')).toBeUndefined()
    expect(answerOf(await open())).toBe('unknown-device')
    await settled()
    expect(told).toEqual(['attached', 'detached'])
  })

  it('refuses those who wait for a session on a device that is removed', async () => {
    const { fleet, open } = makeFleet()
    fleet.attach(makeLink())
    await Promise.all([open(), open()])
    const waiting = [open(), open()]
    await settled()
    fleet.configure([], limits)
    await settled()
    expect((await Promise.all(waiting)).map(answerOf)).toEqual(['unknown-device', 'unknown-device'])
  })

  it('lets a device that was removed and named again start anew', async () => {
    const { fleet, open } = makeFleet()
    fleet.attach(makeLink())
    fleet.configure([], limits)
    fleet.configure([router('router1')], limits)
    await settled()
    expect(await fleet.device('router1')).toEqual(router('router1'))
    fleet.attach(makeLink())
    expect(answerOf(await open())).toBe('ok')
  })

  it('ends a link that is no longer proven, and keeps the device', async () => {
    const { fleet } = makeFleet()
    let proven = true
    const link = makeLink({ stillProven: () => proven })
    fleet.attach(link)
    fleet.configure([router('router1')], limits)
    expect(link.endedBy()).toBeUndefined()
    proven = false
    fleet.configure([router('router1')], limits)
    expect(link.endedBy()?.reason).toBe('no-longer-proven')
    await settled()
    expect((await fleet.device('router1'))?.lastDetached?.end.reason).toBe('no-longer-proven')
  })

  it('that allows more sessions admits those who wait', async () => {
    const { fleet, open } = makeFleet()
    fleet.attach(makeLink(), makeHeldSession())
    await Promise.all([open(), open()])
    const waiting = [open(), open()]
    await settled()
    fleet.configure([router('router1', 3)], limits)
    await settled()
    expect((await fleet.device('router1'))?.link).toMatchObject({ sessions: 3, queued: 1 })
    fleet.configure([router('router1', 4)], limits)
    expect((await Promise.all(waiting)).map(answerOf)).toEqual(['ok', 'ok'])
  })

  it('that allows fewer sessions ends none', async () => {
    const { fleet, open } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    await Promise.all([open(), open()])
    fleet.configure([router('router1', 1)], { ...limits, maxQueuedSessions: 0 })
    await settled()
    expect((await fleet.device('router1'))?.link?.sessions).toBe(2)
    link.closeChannel(0)
    await settled()
    expect(answerOf(await open())).toBe('session-queue-full')
    link.closeChannel(1)
    await settled()
    expect(answerOf(await open())).toBe('ok')
  })

  it('with other times counts for those who come from then on', async () => {
    const { fleet, open } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    link.end({ reason: 'lost', message: 'm' })
    await settled()
    fleet.configure([router('router1')], { ...limits, reconnectWait: 0 })
    expect(answerOf(await open())).toBe('not-connected')
  })
})

describe('the end of the fleet', () => {
  it('ends every link and takes no other', async () => {
    const { fleet, open } = makeFleet([router('router1'), router('router2')])
    const links = [makeLink(), makeLink({ deviceId: 'router2' })]
    for (const link of links) fleet.attach(link)
    await Promise.all([open(), open()])
    const waiting = open()
    await settled()
    fleet.close()
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(['shutdown', 'shutdown'])
    expect(answerOf(await waiting)).toBe('shutting-down')
    expect(answerOf(await open())).toBe('shutting-down')
    const late = makeLink()
    fleet.attach(late)
    expect(late.endedBy()?.reason).toBe('shutdown')
    expect(vi.getTimerCount()).toBe(0)
  })
})
