import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSimulatedDevice, type SimulatedDevice } from '../../src/simulator/simulated-device.js'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { bearer, curl } from './support/curl.js'
import { createCaller } from './support/http-api.js'
import { opsUser } from './support/users.js'

const document = fileURLToPath(new URL('../../docs/http.md', import.meta.url))

let bridge: RunningBridge
let device: SimulatedDevice
let caller: ReturnType<typeof createCaller>

beforeAll(async () => {
  bridge = await startBridge({
    credentials: { default: { username: 'netconf', password: 'pw-device' } },
    devices: [{ id: 'router2', secret: 'secret' }],
    users: [opsUser(), opsUser({ name: 'viewer', roles: ['viewer'] })],
    roles: {
      operator: { devices: ['*'], operations: ['*'] },
      viewer: { devices: ['*'], operations: ['get-config:running'] },
    },
  })
  device = startSimulatedDevice({
    id: 'router2',
    bridge: { host: bridge.host, port: bridge.callHomePort },
    secret: 'secret',
    username: 'netconf',
    password: 'pw-device',
    hostKey: generatePrivateKey('ed25519', 'test'),
    dialect: 'plain',
  })
  caller = createCaller(bridge, 1)
  await bridge.logged(/^link attached/, { deviceId: 'router2' })
})

afterAll(async () => {
  caller?.stop()
  await device?.stop()
  await bridge?.stop()
})

async function tokenOf(user: string): Promise<string> {
  const made = await caller.call('/api/v1/tokens', { body: { user } })
  expect(made.status).toBe(201)
  return (JSON.parse(made.body) as { token: string }).token
}

interface ShownSession {
  readonly id: string
  readonly user: string
  readonly via: string
}

async function sessionsOverHttp(): Promise<readonly ShownSession[]> {
  const { body } = await caller.call('/api/v1/sessions', { method: 'GET' })
  return (JSON.parse(body) as { sessions: ShownSession[] }).sessions
    .filter(({ via }) => via === 'http')
    .map(({ id, user, via }) => ({ id, user, via }))
}

/** Blocks of indented lines that are commands; the others show what is sent or answered. */
function commandsIn(markdown: string): string {
  const blocks = markdown.match(/(?:^ {4}.*\n)+/gm) ?? []
  return blocks.filter((block) => /^ {4}(?:curl|SESSION=)/.test(block)).join('')
}

describe('docs/http.md', () => {
  it('has examples that run as they stand, over TCP with a token', async () => {
    const commands = commandsIn(await readFile(document, 'utf8'))
    // What is added tells the status of each call on standard error.
    const script = `curl() { command curl -w '%{stderr}%{http_code}\\n' "$@"; }\n${commands}`
    const env = { ...process.env, HOMEPORT_URL: bridge.httpUrl, HOMEPORT_TOKEN: await tokenOf('ops') }
    const run = promisify(execFile)('bash', ['-euc', script], { env })
    const { stdout, stderr } = await run
    const statuses = (stderr.match(/^\d{3}$/gm) ?? []).map(Number)
    expect(statuses.slice(0, 13)).toEqual([200, 200, 200, 200, 200, 200, 200, 201, 200, 200, 200, 200, 204])
    // One of them shows an error: the simulated device knows no datastore of that name.
    expect(statuses.filter((status) => status >= 400)).toEqual([501])
    expect(stdout).toContain('<hostname>router2</hostname>')
    expect(stdout).toContain('"system":{"@xmlns":"urn:homeport:simulated-device","hostname":"router2"')
    expect(stdout).toContain('module simulated-device {')
    // Validated and committed, in the transaction and on the session.
    const { body } = await caller.call('/api/v1/devices/router2/get-config')
    expect(body).toContain('<location>row 4, rack 11</location>')
    expect(body).toContain('<contact>noc</contact>')
  })
})

describe('a user under rules on operations', () => {
  it('may do what they allow, and learns of the rest that it is denied; nothing of it reaches the device', async () => {
    const token = await tokenOf('viewer')
    const path = `${bridge.httpUrl}/api/v1/devices/router2`
    const ask = (route: string, body: string) =>
      curl('-H', bearer(token), '-H', 'Content-Type: application/json', '-d', body, `${path}/${route}`)
    expect((await ask('get-config', '{}')).status).toBe(200)
    const sessions = await sessionsOverHttp()
    for (const [route, body] of [
      ['get-config', '{"source":"candidate"}'],
      ['edit-config', '{"target":"candidate","config":"<system xmlns=\\"urn:homeport:simulated-device\\"/>"}'],
      ['rpc', '{"commit":""}'],
      ['transaction', '{"target":"candidate","edits":[{"config":"<a/>"}]}'],
    ] as const) {
      const { status, body: answer } = await ask(route, body)
      expect([route, status]).toEqual([route, 403])
      expect(JSON.parse(answer)).toMatchObject({
        type: 'urn:homeport:problem:operation-forbidden',
        'rpc-errors': [{ type: 'protocol', tag: 'access-denied', severity: 'error' }],
      })
    }
    expect(await sessionsOverHttp()).toEqual(sessions)
  })

  it('shares no warm session with users of other roles', async () => {
    const [ops, viewer] = [await tokenOf('ops'), await tokenOf('viewer')]
    for (const token of [ops, viewer])
      await curl('-H', bearer(token), '-X', 'POST', `${bridge.httpUrl}/api/v1/devices/router2/get-config`)
    // Nobody's in particular: one for `operator`, one for `viewer`.
    expect((await sessionsOverHttp()).map(({ user }) => user)).toEqual(['homeport', 'homeport'])
  })
})
