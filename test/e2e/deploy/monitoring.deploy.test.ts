import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { COUNTED_REASONS } from '../../../src/fleet/refusals/catalogue.js'
import { runNcclient, startSsh } from '../parts/clients.js'
import { type Netconfd, startNetconfd } from '../parts/netconfd.js'
import { type Prometheus, startPrometheus } from '../parts/prometheus.js'
import { startSshdDevice } from '../parts/sshd-device.js'
import { makeTempDir, type TempDir } from '../parts/temp-dir.js'
import { waitFor } from '../parts/wait-for.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from '../support/attached-device.js'
import { askBridge } from '../support/ask-bridge.js'
import { clientLogin } from '../support/client-login.js'
import { operate } from '../support/homeport-command.js'
import { samplesOf } from '../support/metrics.js'

const directory = join(import.meta.dirname, '../../../deploy/monitoring')
const read = (name: string): string => readFileSync(join(directory, name), 'utf8')

type Rule = {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
type Panel = {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
  readonly fieldConfig?: { readonly defaults: { readonly noValue?: string } }
}

const rules = (parse(read('homeport.rules.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
)
const { panels } = JSON.parse(read('homeport.dashboard.json')) as { readonly panels: readonly Panel[] }
/** Every query of the dashboard; `mayBeEmpty` where a panel says what stands there when all is well. */
const queries = panels.flatMap(({ title, targets = [], fieldConfig }) =>
  targets.map(({ expr }) => ({ title, expr, mayBeEmpty: fieldConfig?.defaults.noValue !== undefined })),
)

const promtool = (...words: readonly string[]) => promisify(execFile)('promtool', words, { cwd: directory })

let files: TempDir
let netconfd: Netconfd
let attached: AttachedDevice
let prometheus: Prometheus
/** Every sample of `/metrics`, once everything has happened that does in this test. */
let samples: readonly string[]
let metricNames: ReadonlySet<string>

beforeAll(async () => {
  files = await makeTempDir('monitoring')
  netconfd = await startNetconfd()
  attached = await startAttachedDevice({
    netconf: netconfd.subsystem,
    config: { endpoint: { http: { 'self-signed': true } } },
  })
  prometheus = await startPrometheus(await configured())
  await waitFor('the first scrape', async () => (await prometheus.query('homeport_links == 1')).length > 0, 30_000)
  await happen()
  const { body } = await askBridge(attached.bridge, '/metrics')
  samples = [...samplesOf(body).keys()]
  metricNames = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name))
})
afterAll(async () => {
  await prometheus?.stop()
  await attached?.stop()
  await netconfd?.stop()
  await files?.remove()
})

/** The example of a configuration, for this bridge and in a hurry. */
async function configured(): Promise<string> {
  const { bridge } = attached
  const token = await operate(bridge, 'token', 'create', '--user', 'ops', '--scope', 'read')
  expect(token).toMatchObject({ status: 0 })
  await writeFile(join(files.path, 'homeport.token'), token.stdout.trim())
  await copyFile(join(bridge.directory, 'data/http.crt'), join(files.path, 'homeport-ca.pem'))
  await copyFile(join(directory, 'homeport.rules.yaml'), join(files.path, 'homeport.rules.yaml'))
  const config = parse(read('prometheus.yml'))
  config.global = { scrape_interval: '1s', evaluation_interval: '1s' }
  expect(config.scrape_configs).toHaveLength(1)
  config.scrape_configs[0].static_configs[0].targets = [new URL(bridge.httpUrl).host]
  const file = join(files.path, 'prometheus.yml')
  await writeFile(file, stringify(config))
  await promtool('check', 'config', file)
  return file
}

/** What happens to a bridge in its life: devices come again, are refused and wait; clients are served and refused. */
async function happen(): Promise<void> {
  const { bridge, device, hostKey } = attached
  const strangerIs = {
    bridge: { host: bridge.host, port: bridge.callHomePort },
    hostKeys: [hostKey],
    login: deviceLogin,
  }
  const impostor = await startSshdDevice({
    ...strangerIs,
    deviceId: 'router1',
    preamble: 'junos-secret',
    secret: 'another',
    subsystems: {},
  })
  await bridge.logged(/refused/, { reason: 'wrong-hmac' })
  await impostor.stop()
  const again = device.dialled()
  device.cut()
  await again
  await bridge.logged(/^link attached/, { deviceId: 'router1' }, { from: bridge.lines.all.length })
  await runNcclient(clientLogin(bridge, 'router1'))
  expect(await operate(bridge, 'get-config', 'router1')).toMatchObject({ status: 0 })
  for (const login of [clientLogin(bridge, 'router1', { password: 'wrong' }), clientLogin(bridge, 'nobody')]) {
    const client = startSsh(login)
    client.end()
    await client.ended()
  }
}

/** The metrics that an expression names, each with what it wants of their labels. */
function selectorsIn(
  expr: string,
): readonly { readonly name: string; readonly wanted: Readonly<Record<string, readonly string[]>> }[] {
  return [...expr.matchAll(/\b((?:homeport|process|nodejs)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?/g)].map(
    ([, name = '', matchers = '']) => ({
      name,
      wanted: Object.fromEntries(
        [...matchers.matchAll(/(\w+)(=~|=)"([^"]*)"/g)]
          .filter(([, label = '']) => !['job', 'instance'].includes(label))
          .map(([, label = '', operator, value = '']) => [label, operator === '=' ? [value] : value.split('|')]),
      ),
    }),
  )
}

/** What the catalogue of refusals knows, though it was not met here. */
const reasons = new Set(Object.values(COUNTED_REASONS).flat())

/** Whether a bridge ever has such a sample: it has one, or the reason is in the catalogue. */
function exists(name: string, label: string, pattern: string): boolean {
  const ours = samples.filter((sample) => sample.startsWith(`${name}{`))
  const whole = new RegExp(`^(?:${pattern})$`)
  const values = ours.flatMap((sample) => new RegExp(`[{,]${label}="([^"]*)"`).exec(sample)?.[1] ?? [])
  return (
    values.some((value) => whole.test(value)) || (label === 'reason' && [...reasons].some((one) => whole.test(one)))
  )
}

describe('the alerts', () => {
  it('are rules that promtool accepts, and fire and keep silent as its tests say', async () => {
    expect((await promtool('check', 'rules', 'homeport.rules.yaml')).stdout).toContain(`${rules.length} rules found`)
    expect((await promtool('test', 'rules', 'homeport.rules.test.yaml')).stdout).toContain('SUCCESS')
  })

  it('each have a test in which they fire', () => {
    const tested = [...read('homeport.rules.test.yaml').matchAll(/alertname="(\w+)"/g)].map(([, name = '']) => name)
    expect([...new Set(tested)].toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted())
  })

  it('each say how bad it is, what happened, what to do and where more stands', () => {
    const page = readFileSync(join(directory, '../../docs/monitoring.md'), 'utf8')
    const headings = [...page.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name)
    for (const { alert, labels, annotations } of rules) {
      expect(labels['severity'], alert).toMatch(/^(critical|warning|info)$/)
      expect(Object.keys(annotations), alert).toEqual(['summary', 'description', 'action', 'runbook'])
      expect(annotations['runbook'], alert).toBe(`docs/monitoring.md#${alert.toLowerCase()}`)
      expect(headings, alert).toContain(alert)
    }
    expect(headings.filter((name) => name.startsWith('Homeport'))).toEqual(rules.map(({ alert }) => alert))
  })

  it('are evaluated by a Prometheus that scrapes a bridge, none of them without reason', async () => {
    type Evaluated = { readonly name: string; readonly health: string }
    const evaluated = async (): Promise<readonly Evaluated[]> =>
      ((await prometheus.ask('rules')) as { groups: { rules: Evaluated[] }[] }).groups.flatMap(({ rules }) => rules)
    await waitFor('the evaluation', async () => (await evaluated()).every(({ health }) => health === 'ok'))
    const names = (await evaluated()).map(({ name }) => name)
    expect(names.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted())
    const firing = (await prometheus.query('ALERTS{alertstate="firing"}')).map(({ labels }) => labels['alertname'])
    expect(firing).toEqual([])
  })
})

describe.each([
  { what: 'the alerts', expressions: rules.map(({ alert, expr }) => ({ where: alert, expr })) },
  { what: 'the dashboard', expressions: queries.map(({ title, expr }) => ({ where: title, expr })) },
])('what $what ask for', ({ expressions }) => {
  it('are metrics and labels that a bridge has', () => {
    const missing = expressions.flatMap(({ where, expr }) => {
      const selectors = selectorsIn(expr)
      expect(selectors, where).not.toEqual([])
      return selectors
        .filter(({ name }) => !['up', 'ALERTS'].includes(name))
        .flatMap(({ name, wanted }) => [
          ...(metricNames.has(name.replace(/_(bucket|sum|count)$/, '')) ? [] : [`${where}: ${name}`]),
          ...Object.entries(wanted).flatMap(([label, values]) =>
            values
              .filter((value) => label !== 'le' && !exists(name, label, value))
              .map((value) => `${where}: ${name} ${label}="${value}"`),
          ),
        ])
    })
    expect(missing).toEqual([])
  })
})

describe('the dashboard', () => {
  it('has a query of every metric but of those that are no matter of an overview', () => {
    const asked = new Set(
      queries.flatMap(({ expr }) => selectorsIn(expr).map(({ name }) => name.replace(/_(bucket|sum|count)$/, ''))),
    )
    const left = [...metricNames].filter((name) => name.startsWith('homeport_') && !asked.has(name))
    expect(left.toSorted()).toEqual([
      'homeport_familiar_forgotten_total',
      'homeport_http_bounds_reached_total',
      'homeport_http_conversions_refused_total',
      'homeport_session_duration_seconds',
      'homeport_trace_spans_dropped_total',
    ])
  })

  it.each(queries)('gets data for “$title”: $expr', async ({ expr, mayBeEmpty }) => {
    const asked = expr.replaceAll('$job', 'homeport').replaceAll('$instance', '.+').replaceAll('$__rate_interval', '1m')
    expect(asked).not.toContain('$')
    const numbers = async (): Promise<readonly number[]> =>
      (await prometheus.query(asked)).map(({ value }) => value).filter((value) => !Number.isNaN(value))
    if (mayBeEmpty) await numbers()
    else await waitFor('data', async () => (await numbers()).length > 0, 30_000)
  })
})

// The last, because there is no bridge any more afterwards.
describe('a bridge that ended', () => {
  it('is told by HomeportDown', async () => {
    await attached.bridge.stop()
    await waitFor(
      'HomeportDown',
      async () => (await prometheus.query('ALERTS{alertname="HomeportDown", alertstate="pending"}')).length === 1,
      30_000,
    )
  })
})
