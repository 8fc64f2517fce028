import { describe, expect, it } from 'vitest'
import type { ChannelOpening } from '../../src/fleet/link.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, makeFleet, router, settled } from './support/test-fleet.js'

describe('a device that knows its users', () => {
  it('is told with each session whose it is, and gets no spare channel, which would be nobody’s', async () => {
    const { fleet, open } = makeFleet([{ ...router('router1', 3), spareChannels: 2 }])
    const link = makeLink({ perUser: () => true })
    fleet.attach(link)
    await settled()
    expect(link.requests).toEqual([])
    expect(answerOf(await open())).toBe('ok')
    await settled()
    expect(link.users).toEqual(['ops'])
  })

  it('hands out no spare channel from before it knew them', async () => {
    let perUser = false
    const { fleet, open } = makeFleet([{ ...router('router1', 3), spareChannels: 1 }])
    const link = makeLink({ perUser: () => perUser })
    fleet.attach(link)
    await settled()
    expect(link.users).toEqual([undefined])
    perUser = true
    expect(answerOf(await open())).toBe('ok')
    expect(link.users.slice(0, 2)).toEqual([undefined, 'ops'])
  })

  it.each([
    ['account', 'account-refused'],
    ['account-name', 'account-refused'],
    ['host-key', 'own-ssh-not-proven'],
    ['prohibited', 'forwarding-refused'],
    ['connect-failed', 'port-closed'],
    ['unknown-type', 'forwarding-unknown'],
  ] as const)('that says %s is final: nobody waits, and the place is free', async (cause, reason) => {
    const { fleet, open } = makeFleet([router('router1', 1)], { sessionWait: 3_600_000 })
    const no: ChannelOpening = { ok: false, cause, message: 'no', port: 22 }
    const link = makeLink({ perUser: () => true, answer: () => Promise.resolve(no) })
    fleet.attach(link)
    for (let round = 0; round < 3; round += 1) expect(answerOf(await open())).toBe(reason)
    expect(link.requests).toHaveLength(3)
  })
})
