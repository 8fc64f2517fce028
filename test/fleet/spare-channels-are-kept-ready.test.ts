import { describe, expect, it } from 'vitest'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, limits, client, makeFleet, router, settled } from './support/test-fleet.js'

const withSpares = (spareChannels: number, maxSessions = 3) => ({ ...router('router1', maxSessions), spareChannels })

describe('spare channels', () => {
  it('are opened as the device attaches, and anew once one was taken', async () => {
    const { fleet, open } = makeFleet([withSpares(1)])
    const link = makeLink()
    fleet.attach(link)
    await settled()
    expect(link.requests).toHaveLength(1)
    expect(answerOf(await open())).toBe('ok')
    await settled()
    expect(link.requests).toHaveLength(2)
    expect((await fleet.device('router1'))?.link?.sessions).toBe(2)
  })

  it('are none unless a device asks for them', async () => {
    const { fleet, open } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    await settled()
    expect(link.requests).toHaveLength(0)
    expect(answerOf(await open())).toBe('ok')
    expect(link.requests).toHaveLength(1)
  })

  it('never take a place that a client would need', async () => {
    const { fleet, open } = makeFleet([withSpares(2, 2)])
    const link = makeLink()
    fleet.attach(link)
    await settled()
    const command = { kind: 'exec', command: 'netconf' } as const
    expect(answerOf(await fleet.openSession({ deviceId: 'router1', request: command, client }))).toBe('ok')
    expect(answerOf(await open())).toBe('ok')
    await settled()
    expect((await fleet.device('router1'))?.link?.sessions).toBe(2)
    expect(link.requests.filter(({ kind }) => kind === 'exec')).toHaveLength(1)
  })

  it('that the device has ended are passed over', async () => {
    let ended = false
    const { fleet, open } = makeFleet([withSpares(1)])
    const link = makeLink({ ended: () => ended })
    fleet.attach(link)
    await settled()
    ended = true
    expect(answerOf(await open())).toBe('ok')
    await settled()
    // The one that had ended, the client's own, and the next spare one.
    expect(link.requests).toHaveLength(3)
  })

  it('come and go with the configuration', async () => {
    const { fleet } = makeFleet([withSpares(0)])
    const link = makeLink()
    fleet.attach(link)
    await settled()
    fleet.configure([withSpares(2)], limits)
    await settled()
    expect((await fleet.device('router1'))?.link?.sessions).toBe(2)
    fleet.configure([withSpares(0)], limits)
    await settled()
    expect((await fleet.device('router1'))?.link?.sessions).toBe(0)
  })
})
