import type { ApiToken } from '../../../src/access/authn/api-token.js'
import { createLiveRights } from '../../../src/access/authz/live-rights.js'
import { createTokenService, type TokenShelf } from '../../../src/access/authn/token-service.js'
import type {
  AddedDevice,
  Decider,
  Approval,
  EnrolmentChange,
  EnrolmentRefusal,
  Enrolments,
  EnrolmentView,
} from '../../../src/fleet/enrolment/enrolment.js'
import { changedLabels } from '../../../src/fleet/enrolment/labels.js'
import type { DeviceStatus, LinkStatus } from '../../../src/fleet/device-status.js'
import type { LiveSession } from '../../../src/fleet/live-session.js'
import type { HttpServices } from '../../../src/northbound/http/api.js'
import { type DeviceDirectory, directoryOf } from '../../../src/northbound/device-directory.js'
import { createStreamPlaces } from '../../../src/northbound/http/streams/stream-gate.js'
import type { AppOptions } from '../../../src/northbound/http/app.js'

import type { CallLimits } from '../../../src/rpc/call-limits.js'
import { configOf } from '../../config/parse-text.js'
import { createRpcService } from '../../../src/rpc/rpc-service.js'
import { createFleetEmitter } from '../../../src/fleet/fleet-emitter.js'
import { sessionRefusal } from '../../../src/fleet/refusals/sessions.js'
import { createFleetEventLog } from '../../../src/fleet/event-log.js'
import { createConversionService } from '../../../src/northbound/http/rpc/conversion-service.js'
import { createIdempotencyCache } from '../../../src/northbound/http/rpc/idempotency.js'
import { operatorCaller } from '../../../src/northbound/http/middleware/caller.js'
import { conversionThreadHere } from './rpc/support/conversion-thread-here.js'

/** The defaults of the configuration. */
export const callLimits: CallLimits = configOf('').endpoint.http

export const keyA = { type: 'ssh-ed25519', fingerprint: `SHA256:${'A'.repeat(43)}` }
export const keyB = { type: 'ecdsa-sha2-nistp256', fingerprint: `SHA256:${'B'.repeat(43)}` }

/** An enrolment with nothing in it but its id and standing, and what is given. */
export function enrolment(
  deviceId: string,
  standing: EnrolmentView['standing'],
  more: Partial<EnrolmentView> = {},
): EnrolmentView {
  return { deviceId, standing, labels: {}, pins: [], addresses: [], hasSecret: false, ...more }
}

/** A device with a link. */
export function attached(id: string, more: Partial<DeviceStatus> = {}): DeviceStatus {
  const link = linkOf(id)
  return { id, labels: {}, maxSessions: 10, link, links: [link], ...more }
}

/** A link as it is shown, with two sessions. */
export function linkOf(deviceId: string, more: Partial<LinkStatus> = {}): LinkStatus {
  return {
    deviceId,
    number: 1,
    source: '192.0.2.1:40000',
    hostKeyFingerprint: keyA.fingerprint,
    software: 'OpenSSH_9.2',
    provenBy: 'pin',
    loggedInBy: ['certificate'],
    keyExchange: { name: 'mlkem768x25519-sha256', postQuantum: true },
    attachedAt: new Date('2025-06-01T10:00:00Z'),
    sessions: 2,
    queued: 0,
    mostSessions: 10,
    lostChannels: 0,
    ...more,
  }
}

/** A session of `ops` on `router1`. */
export function session(id: string, more: Partial<LiveSession> = {}): LiveSession {
  return {
    id,
    deviceId: 'router1',
    link: 1,
    client: { user: 'ops', source: '192.0.2.5:50000', via: 'ssh' },
    request: { kind: 'subsystem', name: 'netconf' },
    openedAt: new Date('2025-06-01T10:00:00Z'),
    bytes: { fromClient: 812, fromDevice: 1_440_000 },
    ...more,
  }
}

/** What the HTTP room asks of the fleet, in memory; it keeps what it was called with. Who calls is the operator. */
export function fleetInMemory(given: {
  readonly statuses?: readonly DeviceStatus[]
  readonly enrolments?: readonly EnrolmentView[]
  readonly sessions?: readonly LiveSession[]
  readonly findAuditEvents?: HttpServices['findAuditEvents']
}): Omit<AppOptions, 'log'> & {
  readonly devices: DeviceDirectory
  readonly calls: unknown[][]
  readonly added: AddedDevice[]
} {
  const statuses = new Map((given.statuses ?? []).map((status) => [status.id, status]))
  const views = new Map((given.enrolments ?? []).map((view) => [view.deviceId, view]))
  const sessions = new Map((given.sessions ?? []).map((session) => [session.id, session]))
  const calls: unknown[][] = []
  const added: AddedDevice[] = []

  const keep = (view: EnrolmentView): EnrolmentChange => {
    views.set(view.deviceId, view)
    return { ok: true, enrolment: view }
  }
  const bind = (deviceId: string, decider: Decider, { fingerprint, as = deviceId }: Approval): EnrolmentChange => {
    const by = typeof decider === 'string' ? decider : decider.name
    const view = views.get(deviceId)
    if (view === undefined) return unknownDevice(deviceId)
    if (view.presented === undefined) return refused('nothing-presented', `device "${deviceId}" has shown no key`)
    if (view.presented.fingerprint !== fingerprint)
      return refused('fingerprint-mismatch', `device "${deviceId}" shows ${view.presented.fingerprint}`)
    if (as !== deviceId && views.has(as)) return refused('already-known', `device "${as}" is known already`)
    const { presented, ...rest } = view
    views.delete(deviceId)
    const at = new Date('2025-06-02T08:00:00Z')
    return keep({
      ...rest,
      deviceId: as,
      standing: 'approved',
      pins: [{ ...presented, by, addedAt: at }],
      decision: { by, at, how: 'approved' },
    })
  }

  const enrolments: Enrolments = {
    list: async (ids) => (ids === undefined ? [...views.values()] : ids.flatMap((id) => views.get(id) ?? [])),
    outlines: async () => [...views.values()],
    labelsOf: async (deviceId) => views.get(deviceId)?.labels,
    import: async (devices, dryRun) => {
      calls.push(['import', devices, dryRun])
      return { ok: true, outcomes: devices.map(() => 'added') }
    },
    label: async (deviceId, by, changes) => {
      calls.push(['label', deviceId, by, changes])
      const view = views.get(deviceId)
      if (view === undefined) return unknownDevice(deviceId)
      if (view.standing === 'configured')
        return refused('decided-by-configuration', `device "${deviceId}" stands in the configuration`)
      const labels = changedLabels(view.labels, changes)
      const status = statuses.get(deviceId)
      if (status !== undefined) statuses.set(deviceId, { ...status, labels })
      return keep({ ...view, labels })
    },
    get: async (deviceId) => views.get(deviceId),
    approve: async (...call) => {
      calls.push(['approve', ...call])
      return bind(...call)
    },
    reject: async (deviceId, by) => {
      calls.push(['reject', deviceId, by])
      const view = views.get(deviceId)
      if (view === undefined) return unknownDevice(deviceId)
      if (view.standing === 'configured')
        return refused('decided-by-configuration', `device "${deviceId}" stands in the configuration`)
      return keep({ ...view, standing: 'rejected' })
    },
    forget: async (deviceId, by) => {
      calls.push(['forget', deviceId, by])
      return views.delete(deviceId) ? { ok: true, enrolment: undefined } : unknownDevice(deviceId)
    },
    repin: async (deviceId, by, fingerprint) => {
      calls.push(['repin', deviceId, by, fingerprint])
      return bind(deviceId, by, { fingerprint })
    },
    add: async (device, by) => {
      calls.push(['add', device.deviceId, by])
      if (device.deviceId === 'disk-full') return refused('not-written', 'the store is full')
      if (views.has(device.deviceId)) return refused('already-known', `device "${device.deviceId}" is known already`)
      added.push(device)
      statuses.set(device.deviceId, { id: device.deviceId, labels: device.labels ?? {}, maxSessions: 10 })
      return keep(enrolment(device.deviceId, 'approved', { hasSecret: device.secret !== undefined }))
    },
  }
  const fleet: HttpServices['fleet'] = {
    devices: async () => [...statuses.values()],
    device: async (id) => statuses.get(id),
    openSession: async ({ deviceId: id }) => ({
      ok: false,
      refusal: sessionRefusal(
        'not-connected',
        id,
        { detached: undefined, refusal: undefined, startedAt: 0, seen: undefined },
        0,
      ),
    }),
    whenAttached: async (id) => statuses.get(id)?.link !== undefined,
    sessions: async () => [...sessions.values()],
    disconnect: async (...call) => {
      calls.push(['disconnect', ...call])
      return statuses.get(call[0])?.link !== undefined
    },
    endSession: async (...call) => {
      calls.push(['endSession', ...call])
      return sessions.delete(call[0])
    },
  }
  const tokens = createTokenService({
    shelf: shelfInMemory(),
    isUser: (name) => name !== 'nobody',
    maxTokens: () => 3,
    onProblem: () => undefined,
  })
  return {
    devices: directoryOf(fleet, enrolments),
    calls,
    tokens,
    added,
    enrolments,
    nodes: () => [],
    clientPort: () => 830,
    fleet,
    findAuditEvents: given.findAuditEvents ?? (async () => ({ lines: [] })),
    draining: new AbortController().signal,
    health: { started: () => true, unready: async () => [], degraded: () => [] },
    about: () => bridgeFacts,
    rpc: createRpcService({
      fleet: { ...fleet, subscribe: createFleetEmitter().subscribe },
      limits: () => callLimits,
      audit: { refusal: () => undefined, rpc: (entry) => void calls.push(['rpc', entry]) },
      denied: () => undefined,
    }),
    idempotency: createIdempotencyCache(() => callLimits),
    conversions: createConversionService({ limits: () => callLimits, start: conversionThreadHere }),
    jobs: noJobs,
    events: createFleetEventLog(createFleetEmitter(), 10),
    streams: createStreamPlaces(() => callLimits),
    live: createLiveRights((error) => {
      throw error
    }),
    identify: () => ({ ok: true, caller: operatorCaller(directoryOf(fleet, enrolments)) }),
    metrics: { exposition: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'homeport_links 1\n' }) },
  }
}

/** What a bridge that runs somewhere says of itself. */
export const bridgeFacts: ReturnType<AppOptions['about']> = {
  version: '9.9.9',
  node: 'v24.0.0',
  compiledAddon: true,
  startedAt: new Date('2025-06-01T09:00:00Z'),
  addresses: { callHome: '[::]:4334', endpoint: '[::]:830' },
  openFiles: { limit: 524_288, wanted: 20_000 },
  process: { pid: 4711, uid: 998, config: '/etc/homeport/homeport.yaml', dataDir: '/var/lib/homeport' },
}

/** A desk that nobody has left a job at. */
const noJobs: HttpServices['jobs'] = {
  submit: async () => ({ ok: false, cause: 'too-many-jobs', message: 'no jobs here', hint: 'none' }),
  get: () => undefined,
  list: () => [],
  remove: async () => undefined,
  recheck: async () => undefined,
  close: () => undefined,
}

function unknownDevice(deviceId: string): EnrolmentChange {
  return refused('unknown-device', `no device ${JSON.stringify(deviceId)} is known here`)
}

function refused(cause: EnrolmentRefusal['reason'], message: string): EnrolmentChange {
  return { ok: false, refusal: { reason: cause, message, hint: `what to do about ${cause}` } }
}

export function shelfInMemory(): TokenShelf {
  const kept = new Map<string, ApiToken>()
  return {
    get: async (id) => kept.get(id),
    list: async () => [...kept.values()],
    update: async (id, change) => {
      const next = change(kept.get(id))
      if (next === undefined) kept.delete(id)
      else kept.set(id, next)
      return { ok: true, value: next }
    },
  }
}
