import { afterEach, describe, expect, it, vi } from 'vitest'
import type { PendingOutcome } from '../../src/fleet/enrolment/pending-connections.js'
import { openSshLink, type SshLinkOpening } from './support/open-ssh-link.js'
import { hostKeyAlgorithmsFor } from '../../src/ssh/host-key-algorithms.js'
import { createKeepalive } from '../../src/ssh/keepalive.js'
import type { HostKeyRefusalReason } from '../../src/trust/ssh/host-key-refusals.js'
import type { Verdict } from '../../src/trust/ssh/judge-host-key.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { callAsDevice, deferred, newDeviceKey, turns } from './support/calling-device.js'
import { openSocketPair } from './support/socket-pair.js'

const own = endAfterEach()
const key = newDeviceKey()
const handshakeTimeout = 10_000

afterEach(() => {
  vi.useRealTimers()
})

const refusal = (reason: HostKeyRefusalReason): Verdict => ({
  trusted: false,
  reason,
  deviceId: 'router1',
  message: `is ${reason}`,
  hint: 'decide',
})
const trusted: Verdict = { trusted: true, deviceId: 'router1', because: 'pin', pin: false }

/** A device of which the bridge has just found that it is pending. */
async function openPending(answer?: Parameters<typeof callAsDevice>[2]) {
  const sockets = own(await openSocketPair())
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const device = callAsDevice(sockets.device, key, answer)
  let verdict = refusal('pending')
  const judged: Buffer[] = []
  const logins: string[] = []
  let settled: SshLinkOpening | undefined
  const asked = deferred<AbortSignal>()
  const decision = deferred<PendingOutcome>()
  const opening = openSshLink(sockets.bridge, {
    source: 'test',
    hostKeyAlgorithms: hostKeyAlgorithmsFor([]),
    judge: (presented) => {
      judged.push(presented)
      return verdict
    },
    decision: (pending, presented, gone) => {
      expect(pending).toMatchObject({ reason: 'pending', deviceId: 'router1' })
      expect(presented).toEqual(key.blob)
      asked.resolve(gone)
      return decision.promise
    },
    login: ({ deviceId }) => {
      logins.push(deviceId)
      return Promise.resolve({ username: 'netconf', keys: [], password: 'any' })
    },
    work: (piece) => piece(),
    handshakeTimeout,
    keepalive: createKeepalive(),
    keepaliveTimes: { interval: 0, countMax: 3, maxReplyWait: 0 },
    channels: { channelOpenTimeout: 10_000, channelCloseTimeout: 10_000 },
  })
  void opening.then((result) => {
    settled = result
    if (result.ok) own({ stop: () => result.link.end({ reason: 'shutdown', message: 'the test is over' }) })
  })
  const connectionGone = await asked.promise
  return {
    sockets,
    device,
    opening,
    judged,
    logins,
    connectionGone,
    settled: () => settled,
    decide: (outcome: PendingOutcome, next: Verdict = verdict) => {
      verdict = next
      device.heard.push(outcome)
      decision.resolve(outcome)
    },
  }
}

describe('a pending device', () => {
  it('gets no request to log in before the decision, and its link on the same connection after it', async () => {
    const { device, opening, judged, logins, decide, settled } = await openPending()
    await turns()
    expect(device.heard).toEqual([])
    expect(logins).toEqual([])
    expect(settled()).toBeUndefined()
    decide('decided', trusted)
    const opened = await opening
    expect(opened).toMatchObject({ ok: true, verdict: trusted, key: key.blob })
    expect(opened.ok && opened.link.hostKeyFingerprint).toBe(key.fingerprint)
    expect(device.heard.slice(0, 3)).toEqual(['decided', 'SERVICE_REQUEST', 'USERAUTH_REQUEST'])
    expect(logins).toEqual(['router1'])
    // Again before each attempt to log in, and before there is a link.
    expect(judged.length).toBeGreaterThan(2)
    expect(judged.every((presented) => presented.equals(key.blob))).toBe(true)
  })

  it('is judged anew: what was decided may be that another key is bound to it', async () => {
    const { device, opening, decide, logins } = await openPending()
    decide('decided', refusal('host-key-not-pinned'))
    expect(await opening).toMatchObject({ ok: false, refusal: { reason: 'host-key-not-pinned' } })
    await device.closed
    expect(device.heard).toEqual(['decided'])
    expect(logins).toEqual([])
  })

  it.each<[PendingOutcome, Verdict, string, RegExp]>([
    ['decided', refusal('rejected'), 'rejected', /^is rejected$/],
    ['timeout', refusal('pending'), 'pending', /^is pending$/],
    ['given-up', refusal('pending'), 'pending', /^is pending$/],
    ['another-key-pending', refusal('pending'), 'another-key-pending', /^is pending; another host key waits/],
    ['too-many-pending', refusal('pending'), 'too-many-pending', /^is pending; as many device ids as may/],
  ])('is closed with the reason, and told nothing: %s, then judged %o', async (outcome, next, reason, message) => {
    const { device, opening, decide, logins } = await openPending()
    decide(outcome, next)
    const refused = await opening
    expect(refused).toMatchObject({ ok: false, refusal: { reason, deviceId: 'router1' }, key: key.blob })
    expect(refused.ok ? '' : refused.refusal.message).toMatch(message)
    expect(refused.ok ? '' : refused.refusal.hint).not.toBe('')
    await device.closed
    expect(device.heard).toEqual([outcome])
    expect(logins).toEqual([])
  })
})

describe('the timeout of the handshake', () => {
  it('does not run while a device is pending', async () => {
    const { opening, decide, settled } = await openPending()
    vi.advanceTimersByTime(100 * handshakeTimeout)
    await turns()
    expect(settled()).toBeUndefined()
    decide('decided', trusted)
    expect(await opening).toMatchObject({ ok: true })
  })

  it('runs from the beginning once it was approved', async () => {
    const { device, opening, decide, settled } = await openPending(() => undefined)
    vi.advanceTimersByTime(100 * handshakeTimeout)
    decide('decided', trusted)
    await device.asked
    vi.advanceTimersByTime(handshakeTimeout - 1)
    await turns()
    expect(settled()).toBeUndefined()
    vi.advanceTimersByTime(1)
    expect(await opening).toMatchObject({
      ok: false,
      refusal: { reason: 'handshake-timeout', message: 'did not finish login within 10 s', deviceId: 'router1' },
    })
    await device.closed
  })

  it('has run out of nothing once it is attached', async () => {
    const { opening, decide } = await openPending()
    decide('decided', trusted)
    expect(await opening).toMatchObject({ ok: true })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a pending device that hangs up', () => {
  it.each([
    ['politely', 'end'],
    ['by a reset', 'resetAndDestroy'],
  ] as const)('%s is let go at once', async (_how, hangUp) => {
    const { sockets, opening, connectionGone, logins, decide } = await openPending()
    expect(connectionGone.aborted).toBe(false)
    sockets.device[hangUp]()
    expect(await opening).toMatchObject({ ok: false, refusal: { reason: 'pending' }, key: key.blob })
    expect(connectionGone.aborted).toBe(true)
    expect(sockets.bridge.destroyed).toBe(true)
    // An approval that comes after it finds nobody.
    decide('decided', trusted)
    await turns()
    expect(logins).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})
