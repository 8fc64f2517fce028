import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ChannelOpening } from '../../src/fleet/link.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, client, limits, makeFleet, router, settled } from './support/test-fleet.js'

const lost = { reason: 'lost', message: 'the device closed the connection' } as const

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A fleet whose `router1` was there and is gone. */
async function makeFleetAfterLoss(...options: Parameters<typeof makeFleet>) {
  const made = makeFleet(...options)
  const link = makeLink()
  made.fleet.attach(link)
  link.end(lost)
  await settled()
  return made
}

describe('a session on a device that has just lost its link', () => {
  it('is opened on the next one', async () => {
    const { fleet, open } = await makeFleetAfterLoss()
    const opening = open()
    await vi.advanceTimersByTimeAsync(limits.reconnectWait - 1)
    fleet.attach(makeLink())
    expect(answerOf(await opening)).toBe('ok')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is refused when the next one does not come in time', async () => {
    const { fleet, open } = await makeFleetAfterLoss()
    let answered = false
    const opening = open().finally(() => {
      answered = true
    })
    await vi.advanceTimersByTimeAsync(limits.reconnectWait - 1)
    expect(answered).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(await opening).toEqual({
      ok: false,
      refusal: {
        reason: 'not-connected',
        message: 'device "router1" is not connected: its link ended 5 s ago (the device closed the connection)',
        hint: 'try again once it has called home',
      },
    })
    // Whoever gave up is not woken later.
    const link = makeLink()
    fleet.attach(link)
    await settled()
    expect(link.requests).toEqual([])
  })

  it('waits anew when the next link is lost as well, but no longer in all', async () => {
    const { fleet, open } = await makeFleetAfterLoss()
    const opening = open()
    await vi.advanceTimersByTimeAsync(3_000)
    const link = makeLink({
      answer: async (_request, self) => {
        await self.ended
        return { ok: false, cause: 'link-closed', message: 'the link ended' }
      },
    })
    fleet.attach(link)
    await settled()
    link.end(lost)
    await vi.advanceTimersByTimeAsync(1_999)
    const began = Date.now()
    await vi.advanceTimersByTimeAsync(1)
    expect(answerOf(await opening)).toBe('not-connected')
    expect(Date.now() - began).toBe(1)
  })

  it('is refused at once beyond the window in which the device is expected', async () => {
    const { open } = await makeFleetAfterLoss()
    await vi.advanceTimersByTimeAsync(limits.reconnectWindow + 1)
    expect(answerOf(await open())).toBe('not-connected')
  })

  it('still waits at the end of that window', async () => {
    const { fleet, open } = await makeFleetAfterLoss()
    await vi.advanceTimersByTimeAsync(limits.reconnectWindow)
    const opening = open()
    await settled()
    fleet.attach(makeLink())
    expect(answerOf(await opening)).toBe('ok')
  })

  it('is given up when its client goes away', async () => {
    const { fleet, open } = await makeFleetAfterLoss()
    const client = new AbortController()
    const opening = open('router1', client.signal)
    await settled()
    client.abort()
    expect(answerOf(await opening)).toBe('cancelled')
    expect(answerOf(await open('router1', client.signal))).toBe('cancelled')
    expect(vi.getTimerCount()).toBe(0)
    const link = makeLink()
    fleet.attach(link)
    await settled()
    expect(link.requests).toEqual([])
  })

  it('is waited for by a bounded number of clients', async () => {
    const { fleet, open } = await makeFleetAfterLoss([router('router1', 5)])
    const waiting = [open(), open()]
    await settled()
    expect(answerOf(await open())).toBe('not-connected')
    fleet.attach(makeLink())
    expect((await Promise.all(waiting)).map(answerOf)).toEqual(['ok', 'ok'])
  })

  it('is refused when the bridge stops', async () => {
    const { fleet, open } = await makeFleetAfterLoss()
    const opening = open()
    await settled()
    fleet.close()
    expect(answerOf(await opening)).toBe('shutting-down')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is refused as of an unknown device when that is removed from the configuration', async () => {
    const { fleet, open } = await makeFleetAfterLoss()
    const opening = open()
    await settled()
    fleet.configure([], limits)
    expect(answerOf(await opening)).toBe('unknown-device')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a session on a device that was never there', () => {
  it('is refused at once, with the last refused call that claimed it', async () => {
    const { fleet, open } = makeFleet()
    fleet.refuse({ reason: 'wrong-hmac', message: 'm', hint: 'h', source: 's', deviceId: 'router1' })
    await vi.advanceTimersByTimeAsync(7_400)
    expect(await open()).toMatchObject({
      refusal: {
        reason: 'not-connected',
        message:
          'device "router1" is not connected: it has not called home since the bridge started 7 s ago; a connection that claimed it was refused 7 s ago (wrong-hmac)',
      },
    })
  })

  it.each(['router9', '', '__proto__', 'constructor'])('nor is configured is refused: %j', async (id) => {
    const { open } = makeFleet()
    expect(await open(id)).toMatchObject({ ok: false, refusal: { reason: 'unknown-device' } })
  })
})

describe('a session on a link that is full', () => {
  it('is refused when no other one ends in time', async () => {
    const { fleet, open } = makeFleet()
    fleet.attach(makeLink())
    await Promise.all([open(), open()])
    const third = open()
    await vi.advanceTimersByTimeAsync(limits.sessionWait)
    expect(await third).toMatchObject({
      refusal: {
        reason: 'link-full',
        message: 'device "router1" has no free session: the bridge opens 2 at a time on it, and all are in use',
        hint: expect.stringMatching(/raise link\.max-sessions of the bridge/) as string,
      },
    })
  })

  it('is refused at once when enough others wait', async () => {
    const { fleet, open } = makeFleet()
    fleet.attach(makeLink())
    await Promise.all([open(), open()])
    const waiting = [open(), open()]
    await settled()
    expect(await open()).toMatchObject({
      refusal: {
        reason: 'session-queue-full',
        message: expect.stringContaining('as many clients wait for one as may (2)') as string,
      },
    })
    fleet.close()
    expect((await Promise.all(waiting)).map(answerOf)).toEqual(['shutting-down', 'shutting-down'])
  })

  it('is given up when its client goes away', async () => {
    const { fleet, open } = makeFleet()
    fleet.attach(makeLink())
    await Promise.all([open(), open()])
    const client = new AbortController()
    const third = open('router1', client.signal)
    await settled()
    client.abort()
    expect(answerOf(await third)).toBe('cancelled')
    expect((await fleet.device('router1'))?.link?.queued).toBe(0)
  })
})

describe('a device that opens no further channel although there should be one', () => {
  const full: ChannelOpening = { ok: false, cause: 'no-more-sessions', message: 'open failed' }

  it('is asked again until it does', async () => {
    const { fleet, open } = makeFleet()
    let left = 3
    const link = makeLink({ answer: () => ((left -= 1) > 0 ? Promise.resolve(full) : undefined) })
    fleet.attach(link)
    const opening = open()
    await vi.advanceTimersByTimeAsync(200)
    expect(answerOf(await opening)).toBe('ok')
    expect(link.requests.length).toBe(3)
    expect((await fleet.device('router1'))?.link?.sessions).toBe(1)
  })

  it('is asked no longer than a session may wait, and what it said is told', async () => {
    const { fleet, open } = makeFleet()
    const link = makeLink({ answer: () => Promise.resolve(full) })
    fleet.attach(link)
    const opening = open()
    await vi.advanceTimersByTimeAsync(limits.sessionWait)
    expect(await opening).toMatchObject({
      refusal: {
        reason: 'link-full',
        message:
          'device "router1" has no free session: the device opens no further channel beside the 0 that the bridge ' +
          'has on it (open failed)',
        hint: expect.stringContaining('no key of the bridge changes that') as string,
      },
    })
    expect(link.requests.length).toBeLessThanOrEqual(11)
    expect((await fleet.device('router1'))?.link?.sessions).toBe(0)
  })

  it('is not asked for a client that went away', async () => {
    const { fleet, open } = makeFleet()
    const link = makeLink({ answer: () => Promise.resolve(full) })
    fleet.attach(link)
    const client = new AbortController()
    const opening = open('router1', client.signal)
    await settled()
    client.abort()
    expect(answerOf(await opening)).toBe('cancelled')
    expect(link.requests.length).toBe(1)
  })
})

describe('a device that refuses what the channel is for', () => {
  it('is not asked again, and what it refused is told', async () => {
    const { fleet, open } = makeFleet()
    const link = makeLink({
      answer: () => Promise.resolve({ ok: false, cause: 'request', message: 'the device refused the request' }),
    })
    fleet.attach(link)
    expect(await open()).toMatchObject({
      refusal: {
        reason: 'refused-by-device',
        message: 'device "router1" refused the subsystem netconf: the device refused the request',
      },
    })
    expect(
      await fleet.openSession({ deviceId: 'router1', request: { kind: 'exec', command: 'netconf\n' }, client }),
    ).toMatchObject({
      refusal: { message: expect.stringContaining('refused the command netconf: the device') as string },
    })
    expect(link.requests.length).toBe(2)
    expect((await fleet.device('router1'))?.link?.sessions).toBe(0)
  })
})

describe('a session on a device that was attached when the bridge ended', () => {
  const seenBefore = (crowdAtStart = () => false) =>
    makeFleet(
      undefined,
      {},
      { before: { deviceIds: ['router1'], lastAlive: new Date(Date.now() - 4_000) }, crowdAtStart },
    )

  it('is held from the start on, as if its link had been lost then', async () => {
    const { fleet, open } = seenBefore()
    const opening = open()
    await vi.advanceTimersByTimeAsync(limits.reconnectWait - 1)
    fleet.attach(makeLink())
    expect(answerOf(await opening)).toBe('ok')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is refused when it does not come, with when both were there', async () => {
    const { open } = seenBefore()
    const opening = open()
    await vi.advanceTimersByTimeAsync(limits.reconnectWait)
    expect(await opening).toMatchObject({
      refusal: {
        reason: 'not-connected',
        message:
          'device "router1" is not connected: it has not called home since the bridge started 5 s ago, and was last seen 9 s ago',
      },
    })
  })

  it('is held longer while its connection may wait among others, but not without end', async () => {
    const { open } = seenBefore(() => true)
    let answered = false
    const opening = open().finally(() => (answered = true))
    await vi.advanceTimersByTimeAsync(limits.startWait - 1)
    expect(answered).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(answerOf(await opening)).toBe('not-connected')
  })

  it('is refused soon once nobody waits there any more', async () => {
    let crowd = true
    const { open } = seenBefore(() => crowd)
    const opening = open()
    await vi.advanceTimersByTimeAsync(limits.reconnectWait + 2_000)
    crowd = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(answerOf(await opening)).toBe('not-connected')
  })

  it('is refused at once beyond the window in which it is expected', async () => {
    const { open } = seenBefore(() => true)
    await vi.advanceTimersByTimeAsync(limits.reconnectWindow + 1)
    expect(answerOf(await open())).toBe('not-connected')
  })
})
