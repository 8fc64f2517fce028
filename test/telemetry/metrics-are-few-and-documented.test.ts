import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { COUNTED_REASONS } from '../../src/fleet/refusals/catalogue.js'
import { createMetrics } from '../../src/telemetry/create-metrics.js'
import type { Readings } from '../../src/telemetry/metrics.js'

const readings: Readings = {
  ready: true,
  auditFails: false,
  storeFails: true,
  waitingWebhookEvents: 8,
  attachedDevices: 2,
  links: 3,
  linkKeyExchanges: { 'post-quantum': 1, classical: 2 },
  clientKeyExchanges: { 'post-quantum': 4, classical: 1 },
  sessions: { ssh: 2, http: 1 },
  waitingSessions: 4,
  eventStreams: 5,
  bytes: { fromClient: 10, fromDevice: 20 },
  clients: 5,
  handshakes: { running: 6 },
  clientHandshakes: { queued: 7 },
  devices: { configured: 1, approved: 2, pending: 3, rejected: 4 },
  certificateSeconds: { login: 86_400, http: -5 },
  deviceCertificateSeconds: 86_400,
  cluster: {
    engineIsUp: true,
    peers: { reached: 2, unreached: 1 },
    remoteSessions: 9,
    staleSeconds: 0.5,
    clockOffsetSeconds: -0.25,
  },
}
let now = readings
const metrics = createMetrics({ version: '1.2.3', readings: async () => now, reasons: COUNTED_REASONS })
afterAll(() => metrics.stop())

/** Tells of everything that can happen, so that every metric has a sample with all its labels. */
function tellOfEverything(): void {
  const { fleet, callHome, clients, operations, audit, webhooks, cluster, traces, eventLoop, faults } = metrics
  fleet.linkAttached(['ssh-rsa'])
  fleet.linkEnded('lost')
  fleet.callRefused('wrong-hmac')
  fleet.identityContested()
  fleet.channelLost('close')
  fleet.sessionOpened('ssh', 'netconf')
  fleet.sessionClosed('ssh', 2)
  fleet.sessionRefused('link-full')
  callHome.connected()
  callHome.handshakeQueued(1)
  callHome.handshakeEnded('attached', 0.02)
  clients.loggedIn('password')
  clients.loginFailed('publickey', 'wrong-password')
  clients.connectionRefused('too-many-connections')
  clients.sourcePenalised('garbage')
  clients.sessionRefused('no-rights')
  operations.rpcEnded('http', 'ok', 0.1)
  clients.operationDenied()
  clients.notConverted('too-much')
  clients.requestBoundReached('max-request-elements')
  clients.familiarForgotten()
  callHome.familiarForgotten()
  operations.rpcsSummed(100)
  audit.linesLost(3)
  webhooks.eventEnded('delivered')
  cluster.claimed('given', 1)
  traces.spansDropped('queue-full', 1)
  eventLoop.stalled('handshake', 0.2)
  faults.faultFound('session')
}

async function read() {
  const { text } = await metrics.exposition()
  const samples = new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
  return { text, samples, names }
}

/** The labels of each metric in the table of docs/monitoring.md. */
function documented(): Map<string, readonly string[]> {
  const page = readFileSync(join(import.meta.dirname, '../../docs/monitoring.md'), 'utf8')
  return new Map(
    [...page.matchAll(/^\| `(homeport_\w+)` \|([^|]*)\|/gm)].map(([, name = '', labels = '']) => [
      name,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted(),
    ]),
  )
}

describe('metrics', () => {
  it('are those that docs/monitoring.md names, with these labels, and no label names a device, a user or a source', async () => {
    tellOfEverything()
    const { samples, names } = await read()
    const found = new Map(names.filter((name) => name.startsWith('homeport_')).map((name) => [name, [] as string[]]))
    for (const sample of samples.keys()) {
      const [, name = '', labels = ''] = /^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})?$/.exec(sample) ?? []
      const used = [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label).filter((label) => label !== 'le')
      if (found.has(name)) found.set(name, [...new Set([...(found.get(name) ?? []), ...used])].toSorted())
    }
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(documented()))
    const allowed = [
      'version',
      'node',
      'reason',
      'standing',
      'state',
      'outcome',
      'via',
      'channel',
      'direction',
      'step',
      'kind',
      'side',
    ]
    const labels = new Set([...found.values()].flat())
    expect([...labels].toSorted()).toEqual(
      [...allowed, 'algorithm', 'method', 'quantile', 'what', 'where', 'work'].toSorted(),
    )
  })

  it('show what there is when they are read', async () => {
    const { samples } = await read()
    expect(samples.get('homeport_build_info{version="1.2.3",node="' + process.version + '"}')).toBe(1)
    expect(samples.get('homeport_ready')).toBe(1)
    expect(samples.get('homeport_audit_failing')).toBe(0)
    expect(samples.get('homeport_store_failing')).toBe(1)
    expect(samples.get('homeport_audit_lines_lost_total')).toBe(3)
    expect(samples.get('homeport_webhook_queue')).toBe(8)
    expect(samples.get('homeport_webhook_events_total{outcome="given-up"}')).toBe(0)
    expect(samples.get('homeport_links')).toBe(3)
    expect(samples.get('homeport_attached_devices')).toBe(2)
    expect(samples.get('homeport_link_key_exchanges{kind="classical"}')).toBe(2)
    expect(samples.get('homeport_client_key_exchanges{kind="post-quantum"}')).toBe(4)
    expect(samples.get('homeport_sessions{via="http"}')).toBe(1)
    expect(samples.get('homeport_session_queue')).toBe(4)
    expect(samples.get('homeport_event_streams')).toBe(5)
    expect(samples.get('homeport_clients')).toBe(5)
    expect(samples.get('homeport_handshakes{state="running"}')).toBe(6)
    expect(samples.get('homeport_devices{standing="rejected"}')).toBe(4)
    expect(samples.get('homeport_certificate_expiry_seconds{what="http"}')).toBe(-5)
    expect(samples.get('homeport_device_certificate_expiry_seconds')).toBe(86_400)
    expect(samples.get('homeport_relayed_bytes_total{direction="from-device"}')).toBe(20)
    expect(samples.get('homeport_cluster_engine_up')).toBe(1)
    expect(samples.get('homeport_cluster_peers{state="unreached"}')).toBe(1)
    expect(samples.get('homeport_cluster_remote_sessions')).toBe(9)
    expect(samples.get('homeport_cluster_clock_offset_seconds')).toBe(-0.25)
    now = {
      ...readings,
      links: 0,
      bytes: { fromClient: 10, fromDevice: 25 },
      certificateSeconds: { login: 1 },
      cluster: undefined,
    }
    const later = await read()
    expect(later.samples.has('homeport_cluster_engine_up')).toBe(false)
    expect(later.samples.get('homeport_links')).toBe(0)
    expect(later.samples.get('homeport_certificate_expiry_seconds{what="login"}')).toBe(1)
    expect(later.samples.has('homeport_certificate_expiry_seconds{what="http"}')).toBe(false)
    expect(later.samples.get('homeport_relayed_bytes_total{direction="from-client"}')).toBe(10)
    expect(later.samples.get('homeport_relayed_bytes_total{direction="from-device"}')).toBe(25)
  })

  it('have a zero for every reason that is known beforehand, so that the first one is an increase', async () => {
    expect((await read()).samples.get('homeport_links_ended_total{reason="keepalive-timeout"}')).toBe(0)
  })

  it('never make a label of what a peer sent', async () => {
    metrics.fleet.callRefused('router1.example.net "} evil')
    metrics.fleet.sessionOpened('ssh', 'request system reboot')
    metrics.clients.loginFailed('made-up-by-client', 'x'.repeat(49))
    for (let index = 0; index < 200; index += 1) metrics.fleet.sessionRefused(`reason-${index}`)
    const { text, samples } = await read()
    expect(text).not.toMatch(/evil|reboot|made-up|xxxx/)
    expect(samples.get('homeport_call_home_refusals_total{reason="other"}')).toBe(1)
    expect(samples.get('homeport_logins_total{method="other",outcome="refused"}')).toBe(1)
    const reasons = [...samples.keys()].filter((sample) => sample.startsWith('homeport_sessions_refused_total'))
    expect(reasons.length).toBeLessThanOrEqual(65)
  })

  it('tell how late the event loop is, and forget it once it was told', async () => {
    await read()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const blockedUntil = performance.now() + 200
    while (performance.now() < blockedUntil);
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await read()).samples.get('homeport_event_loop_delay_seconds{quantile="1"}')).toBeGreaterThan(0.15)
    const longest = (await read()).samples.get('homeport_event_loop_delay_seconds{quantile="1"}')
    expect(longest).toBeLessThan(0.15)
  })

  it('are in the text format of Prometheus', async () => {
    expect((await metrics.exposition()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  })
})
