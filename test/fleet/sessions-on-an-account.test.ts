import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Device } from '../../src/fleet/device.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, client, limits, makeFleet, netconf, router, settled } from './support/test-fleet.js'

const lost = { reason: 'lost', message: 'the device closed the connection' } as const

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** `router1`, which may have two links, with one on each of these accounts. */
function makeOn(accounts: readonly string[], device: Partial<Device> = {}) {
  const { fleet, told } = makeFleet([{ ...router('router1', 1), maxConnections: 2, ...device }])
  const links = accounts.map((account, index) => makeLink({ account, source: `192.0.2.1:${index + 1}` }))
  for (const link of links) fleet.attach(link)
  const open = (account?: string, signal?: AbortSignal) =>
    fleet.openSession(
      { deviceId: 'router1', request: netconf, client, ...(account === undefined ? {} : { account }) },
      signal,
    )
  return { fleet, told, links, open, counts: () => links.map(({ requests }) => requests.length) }
}

describe('a session on an account', () => {
  it('goes to a link with that login, however many places others have', async () => {
    const { open, counts } = makeOn(['admin', 'read-only'], { maxSessions: 5 })
    for (let times = 0; times < 4; times += 1) expect(answerOf(await open('read-only'))).toBe('ok')
    expect(counts()).toEqual([0, 4])
  })

  it('waits for a place there, and takes none on another account', async () => {
    const { fleet, links, open, counts } = makeOn(['admin', 'read-only'])
    const wanted = vi.fn<() => void>()
    fleet.subscribe({ 'session-wanted': wanted })
    await open('read-only')
    const second = open('read-only')
    await settled()
    expect(counts()).toEqual([0, 1])
    expect(answerOf(await open('admin'))).toBe('ok')
    links[1]?.closeChannel(0)
    expect(answerOf(await second)).toBe('ok')
    expect(counts()).toEqual([1, 2])
    expect(wanted).toHaveBeenCalledTimes(1)
  })

  it('is told of a full link as of any, by the links of that account alone', async () => {
    const { open } = makeOn(['admin', 'read-only'])
    await open('read-only')
    const opening = open('read-only')
    await vi.advanceTimersByTimeAsync(limits.sessionWait)
    const answer = await opening
    expect(!answer.ok && answer.refusal).toMatchObject({ reason: 'link-full' })
    expect(!answer.ok && answer.refusal.message).not.toContain('links')
  })

  it('waits for a link with that login to come, and gets it', async () => {
    const { fleet, open } = makeOn(['admin'])
    const opening = open('read-only')
    await settled()
    expect((await fleet.counts()).waitingSessions).toBe(1)
    const other = makeLink({ account: 'read-only' })
    fleet.attach(other)
    expect(answerOf(await opening)).toBe('ok')
    expect(other.requests).toHaveLength(1)
  })

  it('is refused, with the account, where none comes; nothing is opened on another one', async () => {
    const { open, counts } = makeOn(['admin'])
    const opening = open('read-only')
    await vi.advanceTimersByTimeAsync(limits.sessionWait)
    const answer = await opening
    expect(!answer.ok && answer.refusal).toMatchObject({
      reason: 'no-link-with-account',
      message:
        'device "router1" has no link on the account "read-only", which your role names; it has links on "admin"',
      hint: expect.stringContaining('max-connections') as string,
    })
    expect(counts()).toEqual([0])
  })

  it('is refused at once where the device’s entry does not list the account', async () => {
    const { open } = makeOn(['admin'], { accounts: ['admin'] })
    const answer = await open('read-only')
    expect(!answer.ok && answer.refusal).toMatchObject({
      reason: 'no-link-with-account',
      hint: 'ask whoever runs the bridge to list "read-only" in `credentials` of the device',
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('whose only link dies while it is opened waits for the next one, not for another account', async () => {
    const { fleet, told } = makeFleet([{ ...router('router1'), maxConnections: 2 }])
    const dying = makeLink({
      account: 'read-only',
      answer: async (_request, link) => {
        await link.ended
        return { ok: false, cause: 'link-closed', message: 'the link ended' }
      },
    })
    const admin = makeLink({ account: 'admin' })
    fleet.attach(dying)
    fleet.attach(admin)
    const opening = fleet.openSession({ deviceId: 'router1', request: netconf, client, account: 'read-only' })
    await settled()
    dying.end(lost)
    await settled()
    expect(admin.requests).toHaveLength(0)
    const next = makeLink({ account: 'read-only' })
    fleet.attach(next)
    expect(answerOf(await opening)).toBe('ok')
    expect([admin.requests.length, next.requests.length]).toEqual([0, 1])
    expect(told).toEqual(['attached', 'link-added', 'link-ended', 'link-added'])
  })

  it('takes no spare channel of another account', async () => {
    const { open, counts } = makeOn(['admin', 'read-only'], { maxSessions: 3, spareChannels: 1 })
    await settled()
    expect(counts()).toEqual([1, 1])
    expect(answerOf(await open('read-only'))).toBe('ok')
    await settled()
    expect(counts()).toEqual([1, 2])
  })

  it('that no role binds goes to any link', async () => {
    const { open, counts } = makeOn(['admin', 'read-only'])
    expect([answerOf(await open()), answerOf(await open())]).toEqual(['ok', 'ok'])
    expect(counts()).toEqual([1, 1])
  })
})

describe('a link above the number', () => {
  it('replaces that on its account, and leaves the others, however old', async () => {
    const { fleet, links } = makeOn(['admin', 'read-only'])
    fleet.attach(makeLink({ account: 'read-only', source: '192.0.2.1:3' }))
    await settled()
    expect(links.map((link) => link.endedBy()?.reason)).toEqual([undefined, 'replaced'])
    expect((await fleet.device('router1'))?.links?.map(({ account }) => account)).toEqual(['admin', 'read-only'])
  })
})
