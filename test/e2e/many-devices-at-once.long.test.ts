import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedDevices, startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { runPython } from './parts/clients.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { curl as curlFor } from './support/curl.js'
import { operate } from './support/homeport-command.js'
import { type Asked, curl, type HttpAnswer } from './support/http-api.js'
import { ops, opsUser } from './support/users.js'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const count = 50
const ids = Array.from({ length: count }, (_, at) => `sim-${at + 1}`)
/** The first twenty are in Tokyo, of them the first ten at the edge. */
const labelsOf = (at: number): Readonly<Record<string, string>> => ({
  site: at < 20 ? 'tokyo' : 'osaka',
  kind: at % 20 < 10 ? 'edge' : 'core',
})
const rpc = '<get-config><source><running/></source></get-config>'
const setHostname = (name: string): string =>
  `<edit-config><target><running/></target><config><system xmlns="urn:homeport:simulated-device"><hostname>${name}</hostname></system></config></edit-config>`

let bridge: RunningBridge
let devices: SimulatedDevices

beforeAll(async () => {
  const known = [...ids.map((id, at) => ({ id, labels: labelsOf(at) })), { id: 'away', labels: { site: 'kyoto' } }]
  bridge = await startBridge({
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    devices: known.map((device) => ({ ...device, secret: `secret of ${device.id}` })),
    users: [opsUser({ roles: ['tokyo'] })],
    roles: { tokyo: { devices: ['site=tokyo'], operations: ['get-config'] } },
  })
  devices = startSimulatedDevices({
    count,
    to: { host: bridge.host, port: bridge.callHomePort },
    secret: 'secret of {id}',
    username: deviceLogin.user,
    password: deviceLogin.password,
  })
  await Promise.all(ids.map((id) => bridge.logged(/^link attached/, { deviceId: id }, { timeoutMs: 50_000 })))
})

afterAll(async () => {
  await devices?.stop()
  await bridge?.stop()
})

interface Line {
  readonly device?: string
  readonly status?: number
  readonly reply?: unknown
  readonly problem?: { readonly type: string }
  readonly summary?: { readonly devices: number; readonly ok: number; readonly failed: number }
}

const linesOf = (body: string): readonly Line[] =>
  body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
const askMany = (body: object, asked: Asked = {}): Promise<HttpAnswer> =>
  curl(bridge, '/api/v1/rpc', { ...asked, body })
const failureIn = ({ status, body }: HttpAnswer): string =>
  `${status} ${(JSON.parse(body) as { type: string }).type.split(':').at(-1)}`
const named = (lines: readonly Line[]): readonly string[] =>
  lines.flatMap(({ device }) => device ?? []).toSorted((one, other) => one.localeCompare(other))
const sorted = (names: readonly string[]): readonly string[] => names.toSorted((one, other) => one.localeCompare(other))

describe('POST /api/v1/rpc', () => {
  it('asks every device that a glob names, a line for each with its own answer, the summary last', async () => {
    const answer = await askMany({ selectors: ['sim-*'], rpc })
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/x-ndjson', 'homeport-devices': String(count) },
    })
    const lines = linesOf(answer.body)
    expect(named(lines)).toEqual(sorted(ids))
    for (const { device, status, reply } of lines.slice(0, -1)) {
      expect(status).toBe(200)
      expect(reply).toContain(`<hostname>${device}</hostname>`)
    }
    expect(lines.at(-1)).toMatchObject({ summary: { devices: count, ok: count, failed: 0 } })
  })

  it.each([
    ['by label', { selectors: ['site=tokyo'] }, ids.slice(0, 20)],
    ['by all of several labels', { labels: { site: 'tokyo', kind: 'edge' } }, ids.slice(0, 10)],
    ['by id', { ids: ['sim-7', 'sim-50', 'sim-7'] }, ['sim-7', 'sim-50']],
    ['in several ways, each once', { ids: ['sim-1'], selectors: ['sim-2', 'sim-?'] }, ids.slice(0, 9)],
    ['of which there are none', { selectors: ['nothing-*'] }, []],
  ])('%s', async (_, which, expected) => {
    const lines = linesOf((await askMany({ ...which, rpc, format: 'json' })).body)
    expect(named(lines)).toEqual(sorted(expected))
    expect(lines.at(-1)).toMatchObject({ summary: { devices: expected.length, failed: 0 } })
    for (const { device, reply } of lines.slice(0, -1))
      expect(reply).toMatchObject({ 'rpc-reply': { data: { system: { hostname: device } } } })
  })

  it('devices that fail do so in their own lines', async () => {
    const body = { ids: ['sim-1', 'away', 'nobody'], rpc: '<get-nothing xmlns="urn:x"/>' }
    const lines = linesOf((await askMany(body)).body)
    const failed = Object.fromEntries(
      lines.slice(0, -1).map(({ device, status, problem }) => [device, `${status} ${problem?.type.split(':').at(-1)}`]),
    )
    expect(failed).toMatchObject({ away: '503 not-connected', nobody: '404 unknown-device' })
    expect(failed['sim-1']).toMatch(/ rpc-error$/)
    expect(lines.at(-1)).toMatchObject({ summary: { devices: 3, ok: 0, failed: 3 } })
  })

  it('a line comes as soon as its device has answered, and no more are asked at once than may be', async () => {
    const [slow, ...others] = devices.devices.slice(0, 4)
    if (slow === undefined) throw new Error('there is no device')
    slow.netconf.faults.replyDelay = 1_500
    const body = { ids: [slow.id, ...others.map(({ id }) => id)], rpc, concurrency: 2 }
    try {
      const lines = linesOf((await askMany(body)).body)
      expect(lines.map(({ device }) => device).slice(0, 4)).toEqual([...others.map(({ id }) => id), slow.id])
    } finally {
      slow.netconf.faults.replyDelay = 0
    }
  })

  it('an Idempotency-Key counts for each device: none answers for another, none acts twice', async () => {
    const [one, two] = ['sim-41', 'sim-42']
    const headers = { 'Idempotency-Key': 'many-once' }
    const hostnames = async (): Promise<readonly (string | undefined)[]> => {
      const lines = linesOf((await askMany({ ids: [one, two], rpc })).body)
      return lines.slice(0, -1).map(({ reply }) => /<hostname>(.*?)</.exec(String(reply))?.[1])
    }
    const first = await askMany({ ids: [one, two], rpc: setHostname('first') }, { headers })
    expect(linesOf(first.body).at(-1)).toMatchObject({ summary: { ok: 2, failed: 0 } })
    expect(await hostnames()).toEqual(['first', 'first'])
    await askMany({ ids: [one, two], rpc: setHostname('second') })
    const again = await askMany({ ids: [one, two], rpc: setHostname('first') }, { headers })
    expect(linesOf(again.body).at(-1)).toMatchObject({ summary: { ok: 2, failed: 0 } })
    expect(await hostnames()).toEqual(['second', 'second'])
    const reused = await askMany({ ids: [one], rpc: setHostname('third') }, { headers })
    expect(linesOf(reused.body)[0]?.problem?.type).toContain('idempotency-key-reused')
  })

  it('a user reaches only what the roles allow', async () => {
    const asUser = async (body: object): Promise<readonly Line[]> => {
      const json = ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)]
      const answer = await curlFor('-N', '-u', `${ops.name}:${ops.password}`, ...json, `${bridge.httpUrl}/api/v1/rpc`)
      expect(answer.status).toBe(200)
      return linesOf(answer.body)
    }
    expect(named(await asUser({ selectors: ['*'], rpc }))).toEqual(sorted(ids.slice(0, 20)))
    const [byId] = await asUser({ ids: ['sim-50'], rpc })
    expect(`${byId?.status} ${byId?.problem?.type}`).toBe('403 urn:homeport:problem:no-rights')
    const [byRule] = await asUser({ ids: ['sim-1'], rpc: setHostname('x') })
    expect(`${byRule?.status} ${byRule?.problem?.type}`).toBe('403 urn:homeport:problem:operation-forbidden')
  })

  it.each([
    ['names no device', { rpc }, '422 invalid-request'],
    ['has two operations', { ids: ['sim-1'], rpc: '<get/><get/>' }, '422 invalid-request'],
    ['has no XML', { ids: ['sim-1'], rpc: '<get' }, '422 invalid-request'],
    ['asks too many at once', { ids: ['sim-1'], rpc, concurrency: 1000 }, '422 invalid-request'],
  ])('a request that %s is refused', async (_, body, problem) => {
    expect(failureIn(await askMany(body))).toBe(problem)
  })
})

describe('homeport rpc --selector', () => {
  it('writes the lines for programs, and ends with 0 when every device answered', async () => {
    const { status, stdout, stderr } = await operate(bridge, 'rpc', '--selector', 'site=tokyo', '-e', rpc)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(named(linesOf(stdout))).toEqual(sorted(ids.slice(0, 20)))
    expect(linesOf(stdout).at(-1)).toMatchObject({ summary: { ok: 20, failed: 0 } })
  })

  it('ends with 1 when one device failed', async () => {
    const { status, stdout } = await operate(bridge, 'rpc', '--id', 'sim-1', '--id', 'away', '-e', rpc, '--json')
    expect(status).toBe(1)
    expect(linesOf(stdout).at(-1)).toMatchObject({ summary: { devices: 2, ok: 1, failed: 1 } })
  })

  it.each([
    ['a device beside', ['sim-1', 'file', '--selector', '*']],
    ['no JSON', ['--selector', '*', '-e', '{']],
    ['a label without a value', ['--label', 'site', '-e', rpc]],
  ])('%s is wrong usage', async (_, words) => {
    expect((await operate(bridge, 'rpc', ...words)).status).toBe(2)
  })

  it('shows people the replies, and on the last line how far it is', async () => {
    const config = join(bridge.directory, 'homeport.yaml')
    const words = ['rpc', '--label', 'site=tokyo', '--id', 'away', '-e', rpc, '--config', config]
    const ended = await runPython(
      'terminal_session.py',
      { host: '', port: 0, user: '' },
      {
        command: [process.execPath, main, ...words],
        steps: [],
        environment: { TERM: 'xterm-256color' },
        columns: 97,
        rows: 31,
      },
    )
    const { status, output } = ended as { readonly status: number; readonly output: string }
    expect(status).toBe(1)
    expect(output).toContain('█')
    expect(output).toMatch(/█{30} 21\/21, 1 failed/)
    expect(output).toMatch(/away: failed: .*not connected/)
    expect(output).toMatch(/sim-1: answered in \d+ ms/)
    // The bar is taken away in the end.
    expect(output).toMatch(/K21 devices: 20 ok, 1 failed, in [\d.]+ s\r\n$/)
    expect(output).toContain('\r\u001b[K21 devices')
  })
})
