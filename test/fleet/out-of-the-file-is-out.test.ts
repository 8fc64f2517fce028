import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConfiguredDevice } from '../../src/fleet/enrolment/enrolled-device.js'
import { createEnrolmentService, type EnrolmentService } from '../../src/fleet/enrolment/enrolment-service.js'
import { createFleetEmitter } from '../../src/fleet/fleet-emitter.js'
import { knownHostsLine } from '../../src/ssh/known-hosts.js'
import { type PublicKey, publicKeyLine } from '../../src/ssh/public-key.js'
import { openDatabase } from '../../src/store/sqlite/sqlite-database.js'
import { migrate, MIGRATIONS } from '../../src/store/sqlite/sqlite-schema.js'
import { openSqliteStore, STORE_FILE } from '../../src/store/sqlite/sqlite-store.js'
import type { Store } from '../../src/store/store.js'
import type { Claim } from '../../src/trust/claim.js'
import { initiationHmac } from '../../src/trust/ssh/initiation-hmac.js'
import { judgeHostKey } from '../../src/trust/ssh/judge-host-key.js'
import { keyFingerprint } from '../../src/trust/ssh/key-fingerprint.js'
import { approveShown } from './support/approve.js'
import { configuredDevice } from '../southbound/support/call-home.js'
import { hostKey } from '../trust/support/host-keys.js'
import { anchorsWith, wordOf } from '../trust/support/known-devices.js'

const limits = { maxPending: 8, maxPendingPerSource: 8, pendingTimeout: 60_000, pendingLifetime: 86_400_000 }
const source = '192.0.2.1:1000'

let directory: string
let store: Store
let service: EnrolmentService
let gone: string[]
const key = hostKey(1)
const otherKey = hostKey(2)

async function start(configured: readonly ConfiguredDevice[]): Promise<void> {
  const opened = await openSqliteStore({ directory, touchInterval: 60_000, onProblem: () => undefined })
  if (!opened.ok) throw new Error(opened.failure.message)
  store = opened.store
  service = await createEnrolmentService({
    store,
    events: createFleetEmitter(),
    configured,
    limits,
    linkBounds: { maxSessions: 10 },
    added: () => undefined,
    changed: () => undefined,
    relabelled: () => undefined,
    left: (deviceIds) => gone.push(...deviceIds),
    onStoreProblem: ({ message }) => expect.fail(message),
  })
}

const ways: Readonly<Record<string, (configured: readonly ConfiguredDevice[]) => Promise<void>>> = {
  'a reload': async (configured) => service.configure(configured, limits, { maxSessions: 10 }),
  'a restart': async (configured) => {
    await store.close()
    await start(configured)
  },
  'a reload and a restart': async (configured) => {
    service.configure(configured, limits, { maxSessions: 10 })
    await store.close()
    await start(configured)
  },
}

/** What a call of `r1` comes to that shows this key, with the HMAC of a secret where one is given. */
function outcome(shows: PublicKey = key, secret?: string, knownHosts: readonly string[] = []): string {
  const announced = secret === undefined ? {} : { hostKey: shows, hmac: initiationHmac(secret, publicKeyLine(shows)) }
  const claim: Claim = { form: 'junos', deviceIds: ['r1'], ...announced }
  return wordOf(
    judgeHostKey({
      claim,
      presented: shows.blob,
      known: service.known(),
      anchors: anchorsWith({ knownHosts }),
      now: new Date(),
    }),
  )
}

async function approve(): Promise<void> {
  const held = service.holdPending({ deviceId: 'r1', key: key.blob, source }, new AbortController().signal)
  expect(await approveShown(service, 'r1', 'alice')).toMatchObject({ ok: true })
  expect(await held).toBe('decided')
}

const refusal = { deviceId: 'r1', source, reason: 'login-failed', message: 'm', hint: 'h' } as const
const listed = knownHostsLine(['r1'], key)

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-file-'))
  gone = []
})
afterEach(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

describe.each(Object.entries(ways))('a device that %s takes out of the file is out', (_way, change) => {
  it.each<[string, Partial<ConfiguredDevice>, () => Promise<unknown> | undefined, string, readonly string[]]>([
    [
      'the HMAC of its secret',
      { secret: 's' },
      () => service.bind('r1', key.blob, { how: 'hmac', source: '192.0.2.1:4334' }),
      's',
      [],
    ],
    ['its host keys in the file', { pins: [key] }, () => undefined, 's', []],
    ['its first use', {}, () => service.bind('r1', key.blob, { how: 'first-use', source: '192.0.2.1:4334' }), 's', []],
    ['an operator', {}, approve, 's', []],
    ['known_hosts', {}, () => undefined, 's', [listed]],
  ])('that was proven by %s', async (_proof, entry, enrol, secret, knownHosts) => {
    await start([configuredDevice('r1', entry)])
    await enrol()
    service.seen('r1', source)
    service.refused(refusal)
    expect(outcome(key, secret, knownHosts)).toMatch(/^trusted/)

    await change([])
    expect(service.devices()).toEqual([])
    expect(service.expects('r1')).toBe(false)
    expect(outcome(key, secret, knownHosts)).toBe('pending')
    expect(await service.get('r1')).toBeUndefined()
    expect(service.countByStanding()).toEqual({ configured: 0, approved: 0, pending: 0, rejected: 0 })
    expect(gone).toEqual(['r1'])

    await change([configuredDevice('r1')])
    expect(outcome()).toBe('pending')
  })

  it('that was approved before it stood in the file', async () => {
    await start([])
    await approve()
    await change([configuredDevice('r1')])
    expect(outcome()).toBe('trusted by pin')
    await change([])
    expect(outcome()).toBe('pending')
  })

  it('unless it was never in it', async () => {
    await start([configuredDevice('another', { secret: 's' })])
    await approve()
    await service.add({ deviceId: 'added', secret: 'of its own' }, 'alice')
    await service.bind('added', otherKey.blob, { how: 'hmac', source: '192.0.2.1:4334' })
    await change([])
    expect(outcome()).toBe('trusted by pin')
    expect(service.known().byId('added')?.pins).toHaveLength(1)
    expect(gone).toEqual([])
  })

  it('and rejected again where it was rejected before the file vouched for it', async () => {
    await start([])
    void service.holdPending({ deviceId: 'r1', key: key.blob, source }, new AbortController().signal)
    await service.reject('r1', 'alice')
    await change([configuredDevice('r1', { secret: 's' })])
    expect(outcome(key, 's')).toBe('trusted by hmac')
    await service.bind('r1', key.blob, { how: 'hmac', source: '192.0.2.1:4334' })
    expect(outcome(key, 's')).toBe('trusted by pin')
    expect(await service.get('r1')).toMatchObject({ standing: 'configured' })
    await change([])
    expect(outcome(key, 's')).toBe('rejected')
    expect(await service.get('r1')).toMatchObject({ standing: 'rejected', pins: [] })
    expect(gone).toEqual(['r1'])
  })

  it('and pending still where it waited for a decision', async () => {
    await start([configuredDevice('r1')])
    void service.holdPending({ deviceId: 'r1', key: key.blob, source }, new AbortController().signal)
    await change([])
    expect(await service.get('r1')).toMatchObject({ standing: 'pending', presented: keyFingerprint(key.blob) })
  })
})

describe.each(Object.entries(ways))('what proves a device of the file changes by %s', (_way, change) => {
  beforeEach(async () => {
    await start([configuredDevice('r1', { secret: 'old' })])
    await service.bind('r1', key.blob, { how: 'hmac', source: '192.0.2.1:4334' })
    expect(outcome(key, 'old')).toBe('trusted by pin')
    expect(outcome(otherKey, 'old')).toBe('host-key-not-pinned')
  })

  it('another secret: the pin of the old one is void', async () => {
    await change([configuredDevice('r1', { secret: 'new' })])
    expect(outcome(key, 'old')).toBe('wrong-hmac')
    expect(outcome(key, 'new')).toBe('trusted by hmac')
    expect(outcome(otherKey, 'new')).toBe('trusted by hmac')
    expect(await service.get('r1')).toMatchObject({ standing: 'configured', pins: [] })
    await service.bind('r1', otherKey.blob, { how: 'hmac', source: '192.0.2.1:4334' })
    expect(outcome(key, 'new')).toBe('host-key-not-pinned')
  })

  it('no secret: nothing proves it', async () => {
    await change([configuredDevice('r1')])
    expect(outcome(key, 'old')).toBe('pending')
    expect(service.known().byPin(key.blob)).toEqual([])
  })

  it('the same secret: the pin stays', async () => {
    await change([configuredDevice('r1', { secret: 'old', labels: { site: 'tokyo' } })])
    expect(outcome(key, 'old')).toBe('trusted by pin')
  })
})

describe('a line of known_hosts', () => {
  it('proves a device of the file as long as it is there', async () => {
    await start([configuredDevice('r1')])
    expect(outcome(key, undefined, [listed])).toBe('trusted by known-hosts')
    expect(outcome(key, undefined, [])).toBe('pending')
  })

  it('proves a device that an operator let in, and no pending one', async () => {
    await start([])
    void service.holdPending({ deviceId: 'r1', key: key.blob, source }, new AbortController().signal)
    expect(outcome(key, undefined, [listed])).toBe('pending')
    await approveShown(service, 'r1', 'alice')
    expect(outcome(key, undefined, [listed])).toBe('trusted by pin')
  })
})

describe('a device of the file that nothing proves', () => {
  it('is configured, whatever was seen of it, until somebody decides on it', async () => {
    await start([configuredDevice('r1')])
    service.refused(refusal)
    expect(await service.get('r1')).toMatchObject({ standing: 'configured', lastRefusal: { reason: 'login-failed' } })
    expect(service.countByStanding()).toMatchObject({ configured: 1, approved: 0 })
    await ways['a restart']?.([configuredDevice('r1')])
    expect(await service.get('r1')).toMatchObject({ standing: 'configured' })
    await approve()
    expect(await service.get('r1')).toMatchObject({ standing: 'approved' })
  })
})

describe('a store of version 0.1.0', () => {
  const rows = (deviceId: string, decision: string | null, pinnedBy: string | null, secret: string | null): void => {
    const database = openDatabase(join(directory, STORE_FILE), { busyTimeout: 20 })
    migrate(database, MIGRATIONS.slice(0, 4))
    database
      .prepare(
        `INSERT INTO enrolment (device_id, standing, decision_by, decision_at, decision_how, secret, labels)
         VALUES (?, 'approved', ?, ?, ?, ?, '{}')`,
      )
      .run(deviceId, decision, decision === null ? null : 1, decision, secret)
    if (pinnedBy !== null)
      database
        .prepare(
          "INSERT INTO pin (device_id, position, type, blob, added_at, added_by) VALUES (?, 0, 'ssh-ed25519', ?, 1, ?)",
        )
        .run(deviceId, key.blob, pinnedBy)
    database.close()
  }

  it.each([
    ['a pin by HMAC whose secret is not here', 'hmac', 'hmac', null, 'pending'],
    ['a pin by HMAC after a rejection', 'operator', 'hmac', null, 'pending'],
    ['a standing that nobody gave', null, null, null, 'pending'],
    ['a pin by HMAC whose secret it holds', 'onboarding', 'hmac', 's', 'trusted by pin'],
    ['an operator’s pin', 'operator', 'alice', null, 'trusted by pin'],
    ['a pin by first use', 'first-use', 'first-use', null, 'trusted by pin'],
  ])('with %s, for a device that is not in the file', async (_what, decision, pinnedBy, secret, expected) => {
    rows('r1', decision, pinnedBy, secret)
    await start([])
    expect(outcome(key, secret ?? undefined)).toBe(expected)
    expect(service.expects('r1')).toBe(expected !== 'pending')
    expect(gone).toEqual(expected === 'pending' ? ['r1'] : [])
  })

  it('with a pin by HMAC, for a device of the file: the pin stays', async () => {
    rows('r1', 'hmac', 'hmac', null)
    await start([configuredDevice('r1', { secret: 's' })])
    expect(outcome(key, 's')).toBe('trusted by pin')
    expect(outcome(otherKey, 's')).toBe('host-key-not-pinned')
    expect(gone).toEqual([])
  })
})
