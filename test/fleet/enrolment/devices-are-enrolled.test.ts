import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CallHomeRefusalReason } from '../../../src/fleet/refusals/call-home.js'
import type { ConfiguredDevice } from '../../../src/fleet/enrolment/enrolled-device.js'
import { createEnrolmentService, type EnrolmentService } from '../../../src/fleet/enrolment/enrolment-service.js'
import { createFleetEmitter } from '../../../src/fleet/fleet-emitter.js'
import type { Device } from '../../../src/fleet/device.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { parsePrivateKey } from '../../../src/ssh/private-key.js'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.js'
import type { Store } from '../../../src/store/store.js'
import { keyFingerprint } from '../../../src/trust/ssh/key-fingerprint.js'
import { approveShown, repinShown } from '../support/approve.js'

const limits = { maxPending: 4, maxPendingPerSource: 2, pendingTimeout: 60_000, pendingLifetime: 86_400_000 }
const never = new AbortController().signal

function newKey(): Buffer {
  const parsed = parsePrivateKey(generatePrivateKey('ed25519', ''))
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.key.getPublicSSH()
}

describe('the enrolment of devices', () => {
  let directory: string
  let store: Store
  let added: Device[]
  let changes: number
  let gone: string[]
  let relabelled: Device[]

  async function openStore(): Promise<void> {
    const opened = await openSqliteStore({ directory, touchInterval: 60_000, onProblem: () => undefined })
    if (!opened.ok) throw new Error(opened.failure.message)
    store = opened.store
  }

  function service(configured: readonly ConfiguredDevice[] = []): Promise<EnrolmentService> {
    return createService(limits, configured)
  }

  function createService(
    bounds: typeof limits,
    configured: readonly ConfiguredDevice[] = [],
  ): Promise<EnrolmentService> {
    return createEnrolmentService({
      store,
      events: createFleetEmitter(),
      configured,
      limits: bounds,
      linkBounds: { maxSessions: 10 },
      added: (device) => added.push(device),
      changed: () => {
        changes += 1
      },
      relabelled: (device) => relabelled.push(device),
      left: (deviceIds) => gone.push(...deviceIds),
      onStoreProblem: () => undefined,
    })
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'homeport-desk-'))
    added = []
    changes = 0
    gone = []
    relabelled = []
    await openStore()
  })
  afterEach(async () => {
    vi.useRealTimers()
    await store.close()
    await rm(directory, { recursive: true, force: true })
  })

  const call = (deviceId: string, key: Buffer, source = '192.0.2.1:1000') => ({ deviceId, key, source })

  it('a pending device is held until it is approved, bound to the key that it showed, and then known', async () => {
    const open = await service()
    const key = newKey()
    const held = open.holdPending(call('router1', key), never)
    expect(await open.get('router1')).toMatchObject({
      standing: 'pending',
      presented: keyFingerprint(key),
      addresses: ['192.0.2.1'],
    })
    expect(open.devices()).toEqual([])
    const change = await approveShown(open, 'router1', 'alice')
    expect(change).toMatchObject({
      ok: true,
      enrolment: { standing: 'approved', decision: { by: 'alice', how: 'operator' } },
    })
    expect(await held).toBe('decided')
    expect(
      open
        .known()
        .byId('router1')
        ?.pins.map(({ blob }) => blob),
    ).toEqual([key])
    // Told once more where the decision comes while the call is still being written; the fleet takes a device once.
    expect(new Map(added.map((device) => [device.id, device]))).toEqual(
      new Map([['router1', { id: 'router1', labels: {}, maxSessions: 10 }]]),
    )
  })

  it('a device that was approved under its fingerprint gets a name by being forgotten and approved again', async () => {
    const open = await service()
    const key = newKey()
    const { fingerprint } = keyFingerprint(key)
    const held = open.holdPending(call(fingerprint, key), never)
    await approveShown(open, fingerprint, 'alice')
    await held
    expect(await open.approve(fingerprint, 'alice', { fingerprint, as: 'switch2' })).toMatchObject({
      ok: false,
      refusal: {
        message: `"${fingerprint}" is approved already, under the fingerprint of its key`,
        hint: expect.stringMatching(/devices forget .* approve --fingerprint .* --as switch2 SHA256:/) as string,
      },
    })
    await open.forget(fingerprint, 'alice')
    const again = open.holdPending(call(fingerprint, key), never)
    expect(await open.approve(fingerprint, 'alice', { fingerprint, as: 'switch2' })).toMatchObject({ ok: true })
    await again
    expect(open.devices().map(({ id }) => id)).toEqual(['switch2'])
  })

  it('a rejected device is not added, and that it was rejected is said', async () => {
    const open = await service()
    void open.holdPending(call('router7', newKey()), never)
    await open.reject('router7', 'alice')
    expect(await open.add({ deviceId: 'router7' }, 'bob')).toMatchObject({
      ok: false,
      refusal: {
        reason: 'already-known',
        message: expect.stringMatching(/^"router7" was rejected by alice on \d{4}-\d\d-\d\d$/) as string,
        hint: 'if that was a mistake: homeport devices forget router7, then do this again',
      },
    })
  })

  it('what was decided is there after a restart', async () => {
    const first = await service()
    const key = newKey()
    const held = first.holdPending(call('router1', key), never)
    await approveShown(first, 'router1', 'alice')
    await held
    await store.close()
    await openStore()
    const second = await service()
    expect(second.devices().map(({ id }) => id)).toEqual(['router1'])
    expect([...second.known().all()][0]?.pins[0]?.blob).toEqual(key)
  })

  it('a rejected device is let go, and is known as rejected', async () => {
    const open = await service()
    const held = open.holdPending(call('router1', newKey()), never)
    await open.reject('router1', 'alice')
    expect(await held).toBe('decided')
    expect([...open.known().all()]).toMatchObject([{ id: 'router1', rejected: true }])
    expect(open.devices()).toEqual([])
  })

  it('a device that goes by its fingerprint gets a device id of its own with its approval', async () => {
    const open = await service()
    const key = newKey()
    const { fingerprint } = keyFingerprint(key)
    const held = open.holdPending(call(fingerprint, key), never)
    expect(await approveShown(open, fingerprint, 'alice', 'switch1')).toMatchObject({
      ok: true,
      enrolment: { deviceId: 'switch1' },
    })
    expect(await held).toBe('decided')
    expect((await open.list()).map(({ deviceId }) => deviceId)).toEqual(['switch1'])
  })

  it('another key under a pending device id changes nothing of it', async () => {
    const open = await service()
    const key = newKey()
    const held = open.holdPending(call('router1', key), never)
    expect(await open.holdPending(call('router1', newKey()), never)).toBe('another-key-pending')
    expect((await open.get('router1'))?.presented).toEqual(keyFingerprint(key))
    await open.reject('router1', 'alice')
    await held
  })

  it('one connection is held for a pending device id: the newest', async () => {
    const open = await service()
    const key = newKey()
    const first = open.holdPending(call('router1', key), never)
    const second = open.holdPending(call('router1', key, '192.0.2.1:1001'), never)
    expect(await first).toBe('given-up')
    await approveShown(open, 'router1', 'alice')
    expect(await second).toBe('decided')
  })

  it('no more device ids are pending than may, from one source and in all', async () => {
    const open = await service()
    const gone = new AbortController()
    const holdPending = (id: string, source: string) => open.holdPending(call(id, newKey(), source), gone.signal)
    const held = [holdPending('a', '192.0.2.1:1'), holdPending('b', '192.0.2.1:2')]
    expect(await holdPending('c', '192.0.2.1:3')).toBe('too-many-pending')
    held.push(holdPending('c', '[2001:db8::1]:1'), holdPending('d', '192.0.2.3:1'))
    expect(await holdPending('e', '192.0.2.4:1')).toBe('too-many-pending')
    gone.abort()
    expect(await Promise.all(held)).toEqual(['given-up', 'given-up', 'given-up', 'given-up'])
  })

  it('one /64 or /48 never fills what may be pending, and its oldest makes room for another network', async () => {
    const open = await createService({ ...limits, maxPending: 12, maxPendingPerSource: 2 })
    const gone = new AbortController()
    const holdPending = (id: string, source: string) => open.holdPending(call(id, newKey(), source), gone.signal)
    const held: Promise<string>[] = []
    const outcomes: string[] = []
    const add = (id: string, source: string) =>
      held.push(holdPending(id, source).then((outcome) => (outcomes.push(outcome), outcome)))
    for (let at = 0; at < 4; at += 1) add(`a${at}`, `[2001:db8:1:1::${at}]:1`)
    for (let at = 0; at < 20; at += 1) add(`b${at}`, `[2001:db8:1:${at + 2}::1]:1`)
    await vi.waitFor(() => expect(outcomes).toHaveLength(2 + 14))
    expect(new Set(outcomes)).toEqual(new Set(['too-many-pending']))
    for (let at = 0; at < 4; at += 1) add(`c${at}`, `192.0.${at}.1:1`)
    add('honest', '198.51.100.1:1')
    await vi.waitFor(() => expect(outcomes).toHaveLength(2 + 14 + 1))
    const ids = (await open.list()).map(({ deviceId }) => deviceId)
    expect(ids).toContain('honest')
    expect(ids).not.toContain('a0')
    expect(ids).toHaveLength(12)
    gone.abort()
    await Promise.all(held)
  })

  it('a pending device that does not call again is forgotten, and makes room before', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const open = await createService({ ...limits, maxPending: 2, maxPendingPerSource: 1 })
    const gone = AbortSignal.abort()
    const holdPending = (id: string, source: string) => open.holdPending(call(id, newKey(), source), gone)
    await holdPending('a', '192.0.2.1:1')
    await holdPending('b', '198.51.100.1:1')
    expect(await holdPending('c', '203.0.113.1:1')).toBe('too-many-pending')
    vi.setSystemTime(Date.now() + 600_000)
    expect(await holdPending('c', '203.0.113.1:1')).toBe('given-up')
    expect((await open.list()).map(({ deviceId }) => deviceId)).toEqual(['b', 'c'])
    vi.setSystemTime(Date.now() + limits.pendingLifetime + 1)
    expect(await open.list()).toEqual([])
    // Also in the store.
    expect(await store.enrolments.list()).toEqual([])
  })

  it('a pending device is held for a bounded time', async () => {
    const open = await service()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const held = open.holdPending(call('router1', newKey()), never)
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0))
    await vi.advanceTimersByTimeAsync(limits.pendingTimeout)
    expect(await held).toBe('timeout')
  })

  it('a changed key is kept for the operator, who binds the device to it', async () => {
    const open = await service()
    const [old, fresh] = [newKey(), newKey()]
    const held = open.holdPending(call('router1', old), never)
    await approveShown(open, 'router1', 'alice')
    await held
    open.refused(
      { reason: 'host-key-not-pinned', message: 'another key', hint: '', source: '192.0.2.1:1', deviceId: 'router1' },
      fresh,
    )
    expect(await repinShown(open, 'router1', 'bob')).toMatchObject({
      ok: true,
      enrolment: { pins: [{ ...keyFingerprint(fresh), by: 'bob' }] },
    })
    expect([...open.known().all()][0]?.pins.map(({ blob }) => blob)).toEqual([fresh])
  })

  it('refusals are counted, and written now and then, however often a stranger calls', async () => {
    const open = await service()
    const held = open.holdPending(call('router1', newKey()), never)
    await approveShown(open, 'router1', 'alice')
    await held
    const update = vi.spyOn(store.enrolments, 'update')
    for (let at = 0; at < 1000; at += 1)
      open.refused({ reason: 'missing-hmac', message: '', hint: '', source: `192.0.2.9:${at}`, deviceId: 'router1' })
    expect(update).toHaveBeenCalledTimes(1)
    update.mockRestore()
    expect((await open.get('router1'))?.refusals).toEqual({ 'missing-hmac': 1000 })
  })

  it('refusals of devices by the thousand are counted, and written a few hundred times in ten seconds', async () => {
    const ids = Array.from({ length: 1_000 }, (_, at) => `router${at}`)
    const open = await service(
      ids.map((id) => ({ id, aliases: [], labels: {}, pins: [], maxSessions: 10, spareChannels: 0 })),
    )
    const update = vi.spyOn(store.enrolments, 'update')
    for (const deviceId of ids)
      open.refused({ reason: 'unknown-host-key', message: '', hint: '', source: '192.0.2.9:1', deviceId })
    expect(update).toHaveBeenCalledTimes(200)
    update.mockRestore()
    expect((await open.get('router999'))?.refusals).toEqual({ 'unknown-host-key': 1 })
  })

  it.each(['queue-timeout', 'closed-early', 'sent-nothing', 'gave-way'] as const)(
    'calls that came to nothing in the queue are counted and not written, and hold up no write that matters: %s',
    async (reason) => {
      const open = await service()
      const held = open.holdPending(call('router1', newKey()), never)
      await approveShown(open, 'router1', 'alice')
      await held
      const update = vi.spyOn(store.enrolments, 'update')
      const refused = { message: '', hint: '', source: '192.0.2.1:1', deviceId: 'router1' }
      open.refused({ ...refused, reason })
      expect(update).not.toHaveBeenCalled()
      open.refused({ ...refused, reason: 'login-failed' })
      expect(update).toHaveBeenCalledTimes(1)
      update.mockRestore()
      expect(await open.get('router1')).toMatchObject({
        refusals: { [reason]: 1, 'login-failed': 1 },
        lastRefusal: { reason: 'login-failed' },
      })
    },
  )

  describe('of configured devices', () => {
    const pin = newKey()
    const configured: ConfiguredDevice = {
      id: 'router1',
      aliases: [],
      labels: {},
      maxSessions: 5,
      pins: [{ type: 'ssh-ed25519', blob: pin, comment: '' }],
    }

    it('the file decides: they cannot be rejected, forgotten or bound to another key', async () => {
      const open = await service([configured])
      for (const change of [
        await open.reject('router1', 'a'),
        await open.forget('router1', 'a'),
        await repinShown(open, 'router1', 'a'),
      ])
        expect(change).toMatchObject({ ok: false, refusal: { reason: 'decided-by-configuration' } })
      expect(await open.get('router1')).toMatchObject({
        standing: 'configured',
        pins: [{ ...keyFingerprint(pin), by: 'configuration' }],
      })
    })

    it('is known when and where one was seen whose key stands in the file, also after a restart', async () => {
      const open = await service([configured])
      open.seen('router1', '192.0.2.1:1000')
      open.seen('router1', '192.0.2.2:2000')
      const shown = { standing: 'configured', addresses: ['192.0.2.2', '192.0.2.1'], lastSeen: expect.any(Date) }
      expect(await open.get('router1')).toMatchObject(shown)
      expect(await open.forget('router1', 'a')).toMatchObject({ refusal: { reason: 'decided-by-configuration' } })
      await store.close()
      await openStore()
      const again = await service([configured])
      expect(await again.list()).toMatchObject([shown])
      again.configure([], limits, { maxSessions: 10 })
      expect(await again.get('router1')).toBeUndefined()
    })

    it('a key that the HMAC vouched for binds one that the file binds to none', async () => {
      const open = await service([{ ...configured, pins: [], secret: 's' }])
      const key = newKey()
      await open.bind('router1', key, { how: 'hmac', source: '192.0.2.1:4334' })
      expect([...open.known().all()][0]).toMatchObject({ secret: 's', rejected: false })
      expect([...open.known().all()][0]?.pins.map(({ blob }) => blob)).toEqual([key])
    })

    it('one that leaves the file, and was never enrolled, is gone', async () => {
      const open = await service([configured])
      open.configure([], limits, { maxSessions: 10 })
      expect(open.devices()).toEqual([])
      expect(changes).toBe(1)
    })
  })

  it('nothing that it shows holds a secret', async () => {
    const open = await service()
    await open.add({ deviceId: 'router1', secret: 'very-secret-indeed' }, 'alice')
    expect(JSON.stringify([await open.list(), await open.get('router1')])).not.toContain('very-secret-indeed')
    expect([...open.known().all()][0]?.secret).toBe('very-secret-indeed')
  })

  it('what an operator added stays, although a stranger claimed it and nobody decided', async () => {
    const open = await service()
    await open.add({ deviceId: 'added', labels: { site: 'tokyo' }, vendor: 'junos' }, 'alice')
    void open.holdPending(call('added', newKey(), '192.0.2.1:1'), new AbortController().signal)
    expect(await open.get('added')).toMatchObject({ standing: 'pending' })
    for (let caller = 0; caller < 8; caller += 1)
      void open.holdPending(call(`r${caller}`, newKey(), `198.51.100.${caller}:1`), new AbortController().signal)
    open.configure([], { ...limits, pendingLifetime: -1 }, { maxSessions: 10 })
    expect((await open.list()).map(({ deviceId, standing }) => [deviceId, standing])).toEqual([['added', 'approved']])
    expect(open.devices()).toMatchObject([{ id: 'added', labels: { site: 'tokyo' } }])
  })

  it('labels that were changed are there after a restart, and the fleet is told once', async () => {
    const open = await service()
    await open.add({ deviceId: 'router1', labels: { site: 'tokyo' } }, 'a')
    const changes = [
      new Map([['rack', '7']]),
      new Map([
        ['site', undefined],
        ['role', 'pe'],
      ]),
    ]
    for (const change of await Promise.all(changes.map((change) => open.label('router1', 'a', change))))
      expect(change).toMatchObject({ ok: true })
    await open.label('router1', 'a', new Map([['rack', '7']]))
    expect(relabelled.at(-1)).toMatchObject({ id: 'router1', labels: { rack: '7', role: 'pe' } })
    expect(relabelled.length).toBeLessThanOrEqual(2)
    await store.close()
    await openStore()
    const again = await service()
    expect(await again.get('router1')).toMatchObject({ standing: 'approved', labels: { rack: '7', role: 'pe' } })
    expect(again.devices()).toMatchObject([{ labels: { rack: '7', role: 'pe' } }])
  })

  it('a decision on an unknown device says so', async () => {
    const open = await service()
    for (const change of [
      await approveShown(open, 'nobody', 'alice'),
      await open.reject('nobody', 'alice'),
      await open.forget('nobody', 'alice'),
      await repinShown(open, 'nobody', 'alice'),
    ])
      expect(change).toMatchObject({ ok: false, refusal: { reason: 'unknown-device' } })
  })

  describe('the key that is bound is the one whose fingerprint was compared', () => {
    const [good, evil, third] = [newKey(), newKey(), newKey()]
    const fingerprintOf = (key: Buffer): string => keyFingerprint(key).fingerprint
    const refused = (reason: CallHomeRefusalReason) => ({
      deviceId: 'router1',
      source: '192.0.2.9:9',
      reason,
      message: '',
      hint: '',
    })
    const bound = (open: EnrolmentService) =>
      open
        .known()
        .byId('router1')
        ?.pins.map(({ blob }) => blob)

    it('and approval says which key waits instead', async () => {
      const open = await service()
      void open.holdPending(call('router1', evil), new AbortController().signal)
      const change = await open.approve('router1', 'alice', { fingerprint: fingerprintOf(good) })
      expect(change).toMatchObject({ ok: false, refusal: { reason: 'fingerprint-mismatch' } })
      const told = change.ok ? '' : change.refusal.message
      expect(told).toContain(fingerprintOf(good))
      expect(told).toContain(fingerprintOf(evil))
      expect(await open.get('router1')).toMatchObject({ standing: 'pending', pins: [] })
    })

    it('also where a stranger was the first to call', async () => {
      const open = await service()
      const held = open.holdPending(call('router1', evil), new AbortController().signal)
      expect(await open.holdPending(call('router1', good), never)).toBe('another-key-pending')
      open.refused(refused('another-key-pending'), good)
      expect(await open.approve('router1', 'alice', { fingerprint: fingerprintOf(good) })).toMatchObject({ ok: true })
      expect(bound(open)).toEqual([good])
      expect(await held).toBe('decided')
    })

    it('and another pin comes of no other key, however often a stranger calls', async () => {
      const open = await service()
      const held = open.holdPending(call('router1', third), new AbortController().signal)
      await approveShown(open, 'router1', 'alice')
      await held
      open.refused(refused('host-key-not-pinned'), evil)
      expect(await open.repin('router1', 'bob', fingerprintOf(good))).toMatchObject({
        ok: false,
        refusal: { reason: 'fingerprint-mismatch' },
      })
      expect(bound(open)).toEqual([third])
      open.refused(refused('host-key-not-pinned'), good)
      for (let call = 0; call < 100; call += 1) open.refused(refused('host-key-not-pinned'), evil)
      expect(await open.repin('router1', 'bob', fingerprintOf(good))).toMatchObject({ ok: true })
      expect(bound(open)).toEqual([good])
    })
  })
})
