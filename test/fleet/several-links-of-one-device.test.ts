import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Device } from '../../src/fleet/device.js'
import type { ChannelOpening } from '../../src/fleet/link.js'
import { makeHeldSession } from './support/hand-made-held-session.js'
import { type HandMadeLink, type HandMadeLinkOptions, makeLink } from './support/hand-made-link.js'
import { answerOf, client, limits, makeFleet, router, settled } from './support/test-fleet.js'

const lost = { reason: 'lost', message: 'the device closed the connection' } as const
const full: ChannelOpening = { ok: false, cause: 'no-more-sessions', message: 'open failed' }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const withLinks = (maxConnections: number, more: Partial<Device> = {}): Device => ({
  ...router('router1'),
  maxConnections,
  ...more,
})

/** A device with as many links as it may have. */
function makePool(count: number, more: Partial<Device> = {}, options: HandMadeLinkOptions = {}) {
  const made = makeFleet([withLinks(count, more)])
  const links = Array.from({ length: count }, (_, index) => makeLink({ source: `192.0.2.1:${index + 1}`, ...options }))
  for (const link of links) made.fleet.attach(link)
  return { ...made, links }
}

const requestsOf = (links: readonly HandMadeLink[]): readonly number[] => links.map(({ requests }) => requests.length)

describe('links of a device that may have several', () => {
  it('stay beside each other up to that number; above it the oldest is replaced', async () => {
    const { fleet, links, told } = makePool(2)
    expect(links.map((link) => link.endedBy())).toEqual([undefined, undefined])
    fleet.attach(makeLink({ source: '192.0.2.1:3' }))
    await settled()
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(['replaced', undefined])
    expect(told).toEqual(['attached', 'link-added', 'replaced'])
    expect((await fleet.device('router1'))?.links?.map(({ number }) => number)).toEqual([2, 3])
  })

  it('that owe an answer are replaced before those that do not, however old', async () => {
    const { fleet } = makeFleet([withLinks(2)])
    const alive = makeLink({ unansweredFor: () => undefined })
    const halfOpen = makeLink({ unansweredFor: () => 5_000 })
    fleet.attach(alive)
    fleet.attach(halfOpen)
    fleet.attach(makeLink())
    expect([alive.endedBy()?.reason, halfOpen.endedBy()?.reason]).toEqual([undefined, 'replaced'])
  })

  it('all come back at once after a break, and none is taken for a twin', async () => {
    const { fleet, links, told } = makePool(4)
    const newer = links.map(({ source }) => makeLink({ source: `${source}0` }))
    for (const link of newer) fleet.attach(link)
    await settled()
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(Array(4).fill('replaced'))
    expect(newer.map((link) => link.endedBy())).toEqual(Array(4).fill(undefined))
    expect(told).not.toContain('refused')
  })

  it('that are too many, all alive, are turned away in the end, with both addresses', async () => {
    const { fleet, links } = makePool(2, {}, { answersProbes: () => true })
    for (let times = 3; times <= 6; times += 1)
      fleet.attach(makeLink({ source: `192.0.2.2:${times}`, answersProbes: () => true }))
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(['replaced', 'replaced'])
    const twin = makeLink({ source: '192.0.2.1:9' })
    fleet.attach(twin)
    await vi.advanceTimersByTimeAsync(limits.replaceWait)
    expect(twin.endedBy()?.reason).toBe('identity-contested')
    const status = await fleet.device('router1')
    expect(status?.contest?.sources).toEqual(['192.0.2.2:5', '192.0.2.1:9'])
    expect(status?.lastRefusal?.refusal.hint).toMatch(/max-connections/)
    expect(status?.links).toHaveLength(2)
  })

  it('end one by one, and the device is detached with the last', async () => {
    const { fleet, links, told, open } = makePool(2)
    const sessions = [await open(), await open()]
    links[0]?.end(lost)
    await settled()
    expect(sessions.map((session) => session.ok && session.channel.linkEnd()?.reason)).toEqual(['lost', undefined])
    expect((await fleet.device('router1'))?.lastDetached).toBeUndefined()
    expect(answerOf(await open())).toBe('ok')
    links[1]?.end(lost)
    await settled()
    expect(told).toEqual(['attached', 'link-added', 'link-ended', 'detached'])
    expect((await fleet.device('router1'))?.links).toBeUndefined()
  })

  it('all end with the fleet, with their device, and where they are proven no more', async () => {
    for (const [reason, end] of [
      ['shutdown', (fleet: ReturnType<typeof makePool>['fleet']) => fleet.close()],
      ['removed', (fleet: ReturnType<typeof makePool>['fleet']) => fleet.configure([], limits)],
    ] as const) {
      const { fleet, links } = makePool(2)
      end(fleet)
      expect(links.map((link) => link.endedBy()?.reason)).toEqual([reason, reason])
    }
    let proven = true
    const { fleet, links } = makePool(2, {}, { stillProven: () => proven })
    proven = false
    fleet.configure([withLinks(2)], limits)
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(['no-longer-proven', 'no-longer-proven'])
  })

  it('become more by a new configuration, for one that waits to be judged as well', async () => {
    const { fleet } = makeFleet()
    const links = [1, 2, 3, 4].map((port) => makeLink({ source: `192.0.2.1:${port}`, answersProbes: () => true }))
    for (const link of links) fleet.attach(link)
    await settled()
    // The last one waits: the one before it has to answer.
    expect((await fleet.device('router1'))?.links?.map(({ source }) => source)).toEqual(['192.0.2.1:3'])
    fleet.configure([withLinks(2)], limits)
    await settled()
    expect((await fleet.device('router1'))?.links?.map(({ source }) => source)).toEqual(['192.0.2.1:3', '192.0.2.1:4'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('become fewer by a new configuration with the next one that comes, and not before', async () => {
    const { fleet, links, told } = makePool(3)
    fleet.configure([withLinks(1)], limits)
    expect(links.map((link) => link.endedBy())).toEqual([undefined, undefined, undefined])
    fleet.attach(makeLink({ source: '192.0.2.1:9' }))
    await settled()
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(['replaced', 'replaced', 'replaced'])
    expect((await fleet.device('router1'))?.links?.map(({ source }) => source)).toEqual(['192.0.2.1:9'])
    expect(told).toEqual(['attached', 'link-added', 'link-added', 'link-ended', 'link-ended', 'replaced'])
  })
})

describe('a session of a device with several links', () => {
  it('goes to the link with the most free places, and round among equals', async () => {
    const { fleet, links, open } = makePool(3)
    for (let count = 0; count < 3; count += 1) await open()
    expect(requestsOf(links)).toEqual([1, 1, 1])
    links[1]?.closeChannel(0)
    await settled()
    await open()
    expect(requestsOf(links)).toEqual([1, 2, 1])
    for (let count = 0; count < 3; count += 1) await open()
    expect((await fleet.device('router1'))?.links?.map(({ sessions }) => sessions)).toEqual([2, 2, 2])
  })

  it('goes to no link that owes an answer while another has a place', async () => {
    const { fleet, open } = makeFleet([withLinks(2)])
    let silent = true
    const [first, second] = [makeLink({ unansweredFor: () => (silent ? 5_000 : undefined) }), makeLink()]
    fleet.attach(first)
    fleet.attach(second)
    await Promise.all([open(), open()])
    expect(requestsOf([first, second])).toEqual([0, 2])
    expect(answerOf(await open())).toBe('ok')
    expect(requestsOf([first, second])).toEqual([1, 2])
    silent = false
    second.closeChannel(0)
    second.closeChannel(1)
    await settled()
    await open()
    expect(requestsOf([first, second])).toEqual([1, 3])
  })

  it('that waits for a place takes the first that is free on any of them, in the order of asking', async () => {
    const { fleet, links, open } = makePool(2)
    await Promise.all([open(), open(), open(), open()])
    const order: string[] = []
    const [early, late] = ['early', 'late'].map((name) => open().then((opening) => order.push(name) && opening))
    await settled()
    expect((await fleet.device('router1'))?.links).toMatchObject([{ queued: 2 }, { queued: 2 }])
    expect((await fleet.counts()).waitingSessions).toBe(2)
    expect(answerOf(await open())).toBe('session-queue-full')
    links[1]?.closeChannel(0)
    await early
    links[0]?.closeChannel(0)
    await late
    expect(order).toEqual(['early', 'late'])
    expect(requestsOf(links)).toEqual([3, 3])
  })

  it('that waits in vain is told of all links', async () => {
    const { open } = makePool(2)
    await Promise.all([open(), open(), open(), open()])
    const opening = open()
    await vi.advanceTimersByTimeAsync(limits.sessionWait)
    const answer = await opening
    expect(!answer.ok && answer.refusal).toMatchObject({
      reason: 'link-full',
      message: expect.stringContaining('on any of its 2 links') as string,
    })
  })

  it('that waits goes to a link that is added, or that replaces another', async () => {
    const { fleet, open } = makeFleet([withLinks(2, { maxSessions: 1 })])
    fleet.attach(makeLink())
    await open()
    const waiting = [open(), open()]
    await settled()
    const [added, newer] = [makeLink({ source: '192.0.2.1:2' }), makeLink({ source: '192.0.2.1:3' })]
    fleet.attach(added)
    expect(answerOf((await waiting[0]) as never)).toBe('ok')
    fleet.attach(newer)
    expect(answerOf((await waiting[1]) as never)).toBe('ok')
    expect(requestsOf([added, newer])).toEqual([1, 1])
  })

  it('is opened on another link where the one that it was given ends meanwhile', async () => {
    const { fleet, open } = makeFleet([withLinks(2)])
    const dying = makeLink({
      answer: async (_request, link) => {
        await link.ended
        return { ok: false, cause: 'link-closed', message: 'the link ended' }
      },
    })
    const other = makeLink({ source: '192.0.2.1:2', unansweredFor: () => 5_000 })
    fleet.attach(dying)
    fleet.attach(other)
    const opening = open()
    await settled()
    expect(requestsOf([dying, other])).toEqual([1, 0])
    dying.end(lost)
    expect(answerOf(await opening)).toBe('ok')
    expect(requestsOf([dying, other])).toEqual([1, 1])
  })

  it('waits for the device to call again where its last link ends', async () => {
    const { fleet, links, open } = makePool(2, { maxSessions: 1 })
    await Promise.all([open(), open()])
    const opening = open()
    await settled()
    for (const link of links) link.end(lost)
    await settled()
    expect((await fleet.counts()).waitingSessions).toBe(1)
    fleet.attach(makeLink({ source: '192.0.2.1:9' }))
    expect(answerOf(await opening)).toBe('ok')
  })

  it('tries the other links at once where the device refuses one a channel', async () => {
    const { fleet, open } = makeFleet([withLinks(2)])
    const [refusing, other] = [
      makeLink({ answer: () => Promise.resolve(full) }),
      makeLink({ unansweredFor: () => 5_000 }),
    ]
    fleet.attach(refusing)
    fleet.attach(other)
    expect(answerOf(await open())).toBe('ok')
    expect(requestsOf([refusing, other])).toEqual([1, 1])
    expect((await fleet.device('router1'))?.links?.map(({ sessions }) => sessions)).toEqual([0, 1])
  })

  it('is refused in the end where the device refuses channels on all of them', async () => {
    const { links, open } = makePool(2, {}, { answer: () => Promise.resolve(full) })
    const opening = open()
    await vi.advanceTimersByTimeAsync(limits.sessionWait + 200)
    expect(answerOf(await opening)).toBe('link-full')
    for (const count of requestsOf(links)) expect(count).toBeGreaterThan(0)
  })

  it('takes a spare channel of the link with the most free places, and gives up none that it needs not', async () => {
    const { links, open } = makePool(2, { maxSessions: 3, spareChannels: 1 })
    await settled()
    expect(requestsOf(links)).toEqual([1, 1])
    expect(answerOf(await open())).toBe('ok')
    await settled()
    expect(requestsOf(links)).toEqual([2, 1])
    expect(answerOf(await open())).toBe('ok')
    await settled()
    expect(requestsOf(links)).toEqual([2, 2])
  })

  it('has one held session give way, not all of them', async () => {
    const { fleet, open } = makeFleet([withLinks(2)])
    const held = [makeHeldSession(), makeHeldSession()]
    for (const one of held) fleet.attach(makeLink(), one)
    expect((await Promise.all([open(), open(), open()])).map(answerOf)).toEqual(['ok', 'ok', 'ok'])
    expect(held.map(({ asked }) => asked)).toEqual([['give way'], []])
    expect(answerOf(await open())).toBe('ok')
    expect(held.map(({ asked }) => asked)).toEqual([['give way'], ['give way']])
  })

  it('that its client gives up while it waits takes no place', async () => {
    const { fleet, links, open } = makePool(2, { maxSessions: 1 })
    await Promise.all([open(), open()])
    const gone = new AbortController()
    const opening = open('router1', gone.signal)
    await settled()
    gone.abort()
    expect(answerOf(await opening)).toBe('cancelled')
    for (const link of links) link.closeChannel(0)
    await settled()
    expect((await fleet.device('router1'))?.links?.map(({ sessions }) => sessions)).toEqual([0, 0])
  })
})

describe('a device with a periodic connection and several links', () => {
  it('is let go link by link, and not while a client waits', async () => {
    const { fleet, links, open, told } = makePool(2, { periodic: true, maxSessions: 1 })
    await fleet.openSession({ deviceId: 'router1', request: { kind: 'subsystem', name: 'netconf' }, client })
    await vi.advanceTimersByTimeAsync(limits.idleTimeout + 2_000)
    expect(links.map((link) => link.endedBy()?.reason)).toEqual([undefined, 'let-go'])
    links[0]?.closeChannel(0)
    await vi.advanceTimersByTimeAsync(limits.idleTimeout + 2_000)
    expect(links.map((link) => link.endedBy()?.reason)).toEqual(['let-go', 'let-go'])
    expect(told).toEqual(['attached', 'link-added', 'link-ended', 'detached'])
    expect(answerOf(await open())).toBe('not-connected')
  })
})
