import { describe, expect, it } from 'vitest'
import type { ChannelOpening } from '../../src/fleet/link.js'
import { makeHeldSession } from './support/hand-made-held-session.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, limits, makeFleet, router, settled } from './support/test-fleet.js'

const full: ChannelOpening = { ok: false, cause: 'no-more-sessions', message: 'administratively prohibited' }

describe('the session that the bridge holds', () => {
  it('leaves room for clients while there is some, and gives way to the one that would fill the link', async () => {
    const { fleet, open } = makeFleet([router('router1', 3)])
    const held = makeHeldSession()
    const link = makeLink()
    fleet.attach(link, held)
    expect((await Promise.all([open(), open()])).map(answerOf)).toEqual(['ok', 'ok'])
    expect(held.asked).toEqual([])
    expect(answerOf(await open())).toBe('ok')
    expect(held.asked).toEqual(['give way'])
    const fourth = open()
    await settled()
    expect((await fleet.device('router1'))?.link).toMatchObject({ sessions: 3, queued: 1 })
    link.closeChannel(0)
    expect(answerOf(await fourth)).toBe('ok')
    for (const index of [1, 2, 3]) link.closeChannel(index)
    await settled()
    expect(held.asked).toEqual(['give way', 'come back'])
  })

  it('gives way where the device serves no other session, and comes back once no client is there', async () => {
    const { fleet, open } = makeFleet([router('router1', 10)])
    const held = makeHeldSession()
    const link = makeLink({
      answer: () => (held.view().state === 'open' ? Promise.resolve(full) : undefined),
    })
    fleet.attach(link, held)
    expect(answerOf(await open())).toBe('ok')
    expect(held.asked).toEqual(['give way'])
    link.closeChannel(0)
    await settled()
    expect(held.asked).toEqual(['give way', 'come back'])
    expect(answerOf(await open())).toBe('ok')
    expect(held.asked).toEqual(['give way', 'come back', 'give way'])
  })

  it('comes back as well where the client that it gave way to went away meanwhile', async () => {
    const { fleet, open } = makeFleet([router('router1', 2)])
    const held = makeHeldSession()
    const link = makeLink({ answer: () => Promise.resolve(full) })
    fleet.attach(link, held)
    const client = new AbortController()
    const opening = open('router1', client.signal)
    await settled()
    client.abort()
    expect(answerOf(await opening)).toBe('cancelled')
    await settled()
    expect(held.asked.at(-1)).toBe('come back')
  })

  it('is one of those that the device is let have, but never the last one', async () => {
    const { fleet, open } = makeFleet([router('router1', 1)], { maxQueuedSessions: 0 })
    const held = makeHeldSession()
    fleet.attach(makeLink(), held)
    expect((await Promise.all([open(), open()])).map(answerOf)).toEqual(['ok', 'session-queue-full'])
    // Another session beside it was all that the device was asked for, and it gave it.
    expect(held.asked).toEqual([])
  })

  it('is shown with the device', async () => {
    const { fleet } = makeFleet()
    fleet.attach(makeLink(), makeHeldSession())
    expect((await fleet.device('router1'))?.link?.heldSession).toEqual({ state: 'open', endedAtOnce: 0 })
  })
})

describe('a device whose software says libnetconf2 or netopeer2', () => {
  it.each(['libssh_0.10.6', 'libssh-0.6.3', 'libnetconf2-2.1', 'netopeer2-2.2.13'])(
    '%s gets one session at a time, and the log is told',
    async (software) => {
      const { fleet, open } = makeFleet([router('router1', 10)], { maxQueuedSessions: 0 })
      const told: number[] = []
      fleet.subscribe({ 'sessions-limited': ({ mostSessions }) => void told.push(mostSessions) })
      fleet.attach(makeLink({ software }))
      expect((await Promise.all([open(), open()])).map(answerOf)).toEqual(['ok', 'session-queue-full'])
      expect(told).toEqual([1])
      expect((await fleet.device('router1'))?.link?.mostSessions).toBe(1)
      fleet.configure([{ ...router('router1', 2), ownMaxSessions: true }], { ...limits, maxQueuedSessions: 0 })
      expect((await Promise.all([open(), open()])).map(answerOf)).toEqual(['ok', 'session-queue-full'])
    },
  )

  it.each(['OpenSSH_9.2p1', 'libssh2_1.10.0', 'my-libssh_fork'])('is not %s', async (software) => {
    const { fleet, open } = makeFleet()
    fleet.attach(makeLink({ software }))
    expect((await Promise.all([open(), open()])).map(answerOf)).toEqual(['ok', 'ok'])
  })
})
