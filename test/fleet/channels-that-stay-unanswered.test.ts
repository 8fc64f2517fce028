import { describe, expect, it } from 'vitest'
import type { ChannelOpening } from '../../src/fleet/link.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, makeFleet, router, settled } from './support/test-fleet.js'

describe('a channel that the device leaves unanswered', () => {
  it('is told, and so many of them end the link', async () => {
    const { fleet } = makeFleet([router('router1', 10)])
    const told: unknown[] = []
    fleet.subscribe({ 'channel-lost': ({ loss, lost }) => void told.push([loss, lost]) })
    const link = makeLink()
    fleet.attach(link)
    link.loseChannel('close')
    link.loseChannel('open')
    expect(link.endedBy()).toBeUndefined()
    expect((await fleet.device('router1'))?.link?.lostChannels).toBe(2)
    link.loseChannel('close')
    expect(link.endedBy()?.reason).toBe('channels-unanswered')
    await settled()
    expect(told).toEqual([
      ['close', 1],
      ['open', 2],
      ['close', 3],
    ])
  })

  it('is borne with for longer on libnetconf2, which serves on but does not survive the end of such a connection', async () => {
    const { fleet } = makeFleet([router('router1', 2)])
    const link = makeLink({ software: 'libssh_0.10.6' })
    fleet.attach(link)
    for (let lost = 0; lost < 29; lost += 1) link.loseChannel()
    expect(link.endedBy()).toBeUndefined()
    link.loseChannel()
    expect(link.endedBy()?.reason).toBe('channels-unanswered')
  })

  it('ends the link when it was the last session that the device has', async () => {
    const { fleet } = makeFleet([router('router1', 1)])
    const link = makeLink()
    fleet.attach(link)
    link.loseChannel()
    expect(link.endedBy()?.reason).toBe('channels-unanswered')
  })

  it('ends the link at once where the device opens no further one and nobody else is there', async () => {
    const { fleet, open } = makeFleet()
    const full: ChannelOpening = { ok: false, cause: 'no-more-sessions', message: 'no' }
    const link = makeLink({ answer: () => Promise.resolve(full) })
    fleet.attach(link)
    link.loseChannel()
    const opening = open()
    await settled()
    expect(link.endedBy()?.reason).toBe('channels-unanswered')
    fleet.attach(makeLink())
    expect(answerOf(await opening)).toBe('ok')
  })

  it('is told to the client that waited for it, and its place is free', async () => {
    const { fleet, open } = makeFleet([router('router1', 1)])
    const unanswered: ChannelOpening = { ok: false, cause: 'unanswered', message: 'it did not answer for 30 s' }
    let answers = false
    fleet.attach(makeLink({ answer: () => (answers ? undefined : Promise.resolve(unanswered)) }))
    expect(answerOf(await open())).toBe('channel-unanswered')
    answers = true
    expect(answerOf(await open())).toBe('ok')
  })
})

describe('a session that is killed', () => {
  it('has given its place back at once, whenever the device closes its channel', async () => {
    const { fleet, open } = makeFleet([router('router1', 1)])
    fleet.attach(makeLink())
    expect(answerOf(await open())).toBe('ok')
    const waiting = open()
    const [session] = await fleet.sessions()
    expect(await fleet.endSession(session?.id ?? '', 'ops')).toBe(true)
    expect(answerOf(await waiting)).toBe('ok')
  })
})

describe('a client that goes away while its channel is opened', () => {
  it('gets none, and its place is free once the device has closed it', async () => {
    const { fleet, open } = makeFleet([router('router1', 1)])
    const link = makeLink()
    fleet.attach(link)
    const client = new AbortController()
    const opening = open('router1', client.signal)
    client.abort()
    expect(answerOf(await opening)).toBe('cancelled')
    expect(await fleet.sessions()).toEqual([])
    const next = open()
    await settled()
    expect((await fleet.device('router1'))?.link?.queued ?? 0).toBeLessThanOrEqual(1)
    link.closeChannel(0)
    expect(answerOf(await next)).toBe('ok')
  })
})

describe('a link that an operator ends', () => {
  it('is ended with the name of who did it', async () => {
    const { fleet } = makeFleet()
    const link = makeLink()
    fleet.attach(link)
    expect(await fleet.disconnect('router1', 'ops')).toBe(true)
    expect(link.endedBy()).toEqual({ reason: 'disconnected', message: 'disconnected by ops' })
    await settled()
    expect(await fleet.disconnect('router1', 'ops')).toBe(false)
    expect(await fleet.disconnect('router9', 'ops')).toBe(false)
  })
})
