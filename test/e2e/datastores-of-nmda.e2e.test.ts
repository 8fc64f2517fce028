import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedDevice, startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { type Libnetconf2Device, startLibnetconf2Device } from './parts/libnetconf2-device.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { operateHere } from './support/homeport-command.js'
import { curl } from './support/http-api.js'
import { opsUser } from './support/users.js'

let keys: TempDir
let bridge: RunningBridge
let config: string
let real: Libnetconf2Device
const simulated: SimulatedDevice[] = []

beforeAll(async () => {
  keys = await makeTempDir('nmda')
  const hostKey = await makeSshKey(keys.path, 'rsa')
  bridge = await startBridge({
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    devices: [
      { id: 'switch1', 'host-keys': [hostKey.publicKey], 'max-sessions': 3 },
      { id: 'plain', secret: 'secret of plain' },
      { id: 'junos', secret: 'secret of junos' },
    ],
    users: [opsUser()],
  })
  config = join(bridge.directory, 'homeport.yaml')
  const to = { host: bridge.host, port: bridge.callHomePort }
  for (const id of ['plain', 'junos'] as const)
    simulated.push(
      startSimulatedDevice({
        id,
        dialect: id,
        bridge: to,
        secret: `secret of ${id}`,
        username: deviceLogin.user,
        password: deviceLogin.password,
      }),
    )
  real = await startLibnetconf2Device({ bridge: to, hostKey, login: deviceLogin })
  for (const deviceId of ['plain', 'junos', 'switch1']) await bridge.logged(/^link attached/, { deviceId })
})

afterAll(async () => {
  await real?.stop()
  for (const device of simulated) await device.stop()
  await bridge?.stop()
  await keys?.remove()
})

const call = (device: string, operation: string, body: object) =>
  curl(bridge, `/api/v1/devices/${device}/${operation}`, { body })

describe('a device on libnetconf2, whose libyang checks each request against the module', () => {
  it('keeps the module out of its <hello>, as a module in YANG 1.1, and announces ietf-yang-library 1.1', async () => {
    const { body } = await curl(bridge, '/api/v1/devices/switch1/sessions')
    const { id, capabilities } = JSON.parse(body) as { readonly id: string; readonly capabilities: readonly string[] }
    await curl(bridge, `/api/v1/devices/switch1/sessions/${id}`, { method: 'DELETE' })
    expect(capabilities.join()).toContain('urn:ietf:params:netconf:capability:yang-library:1.1')
    expect(capabilities.join()).not.toContain('ietf-netconf-nmda')
  })

  it('answers get-data with whatever may be asked for', async () => {
    const asked = {
      datastore: 'operational',
      filter: '<box xmlns="urn:homeport:test"/>',
      'config-filter': true,
      'negated-origin-filter': ['system', 'learned'],
      'max-depth': 4,
      'with-origin': true,
      'with-defaults': 'explicit',
    }
    const answer = await call('switch1', 'get-data', asked)
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('<name>libnetconf2</name>') as string })
  })

  it('takes an edit-data, and has it afterwards', async () => {
    const edit = { datastore: 'candidate', 'default-operation': 'merge' }
    const box = '<box xmlns="urn:homeport:test"><name>by edit-data</name></box>'
    expect(await call('switch1', 'edit-data', { ...edit, config: box })).toMatchObject({ status: 200 })
    const { body } = await call('switch1', 'get-data', { datastore: 'candidate' })
    expect(body).toContain('<name>by edit-data</name>')
  })

  it('refuses a datastore that its schema does not have', async () => {
    const answer = await call('switch1', 'get-data', { datastore: 'no-such' })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.body).toContain('urn:homeport:problem:rpc-error')
  })
})

describe('a device without NMDA', () => {
  it.each([
    ['get-data', { datastore: 'operational' }, 'ietf-netconf-nmda'],
    ['edit-data', { datastore: 'running', config: '<x xmlns="urn:x"/>' }, 'ietf-netconf-nmda'],
    ['compare', { source: 'running', target: 'candidate' }, 'ietf-nmda-compare'],
  ])('%s is answered 501 with what the device does not announce, and is not sent', async (operation, body, module) => {
    const answer = await call('junos', operation, body)
    expect(answer.status).toBe(501)
    expect(JSON.parse(answer.body)).toMatchObject({
      type: 'urn:homeport:problem:not-offered',
      detail: expect.stringContaining(module) as string,
      hint: expect.any(String) as string,
    })
  })

  it('does not on a session of the client either, which goes on', async () => {
    const opened = await curl(bridge, '/api/v1/devices/junos/sessions')
    const { id } = JSON.parse(opened.body) as { readonly id: string }
    expect(await call('junos', `sessions/${id}/get-data`, { datastore: 'running' })).toMatchObject({ status: 501 })
    expect(await call('junos', `sessions/${id}/get-config`, {})).toMatchObject({ status: 200 })
  })
})

describe('as a job', () => {
  const headers = { Prefer: 'respond-async' }
  const answerOf = async (device: string): Promise<unknown> => {
    const body = { source: 'running', target: 'candidate' }
    const queued = await curl(bridge, `/api/v1/devices/${device}/compare`, { body, headers })
    expect(queued.status).toBe(202)
    return waitFor('the job to be done', async () => {
      const job = await curl(bridge, String(queued.headers['location']), { method: 'GET' })
      const { state, answer } = JSON.parse(job.body) as { readonly state: string; readonly answer?: unknown }
      return state === 'done' && answer
    })
  }

  it('a comparison waits for its device, and what the device does not offer is not sent either', async () => {
    expect(await answerOf('plain')).toMatchObject({
      status: 200,
      body: expect.stringContaining('no-matches') as string,
    })
    expect(await answerOf('junos')).toMatchObject({
      status: 501,
      body: expect.stringContaining('not-offered') as string,
    })
  })
})

describe('the commands', () => {
  const run = (input: string, ...words: readonly string[]) => operateHere(input, ...words, '--config', config)

  it('get-data, edit-data and compare', async () => {
    const state = await run('', 'get-data', 'plain', '--config-filter', 'false')
    expect(state).toMatchObject({ status: 0, stderr: '' })
    expect(state.stdout).toContain('<oper-status>up<')
    expect(state.stdout).not.toContain('<hostname>')
    const edit = '<system xmlns="urn:homeport:simulated-device"><contact>noc</contact></system>'
    expect(await run(edit, 'edit-data', 'plain', '--datastore', 'candidate')).toMatchObject({ status: 0, stderr: '' })
    const differing = await run('', 'compare', 'plain')
    expect(differing.stdout).toContain('<target>/simulated-device:system/contact</target>')
    expect((await run('', 'discard-changes', 'plain')).status).toBe(0)
    expect((await run('', 'compare', 'plain', '--json')).stdout).toContain('"no-matches"')
  })

  it('cancel-commit takes a confirmed commit back by its name', async () => {
    const edit = '<system xmlns="urn:homeport:simulated-device"><contact>later</contact></system>'
    await run(edit, 'edit-config', 'plain', '--target', 'candidate')
    expect((await run('', 'commit', 'plain', '--confirmed', '--persist', 'change-1')).status).toBe(0)
    expect((await run('', 'get-config', 'plain')).stdout).toContain('<contact>later<')
    const wrong = await run('', 'cancel-commit', 'plain', '--persist-id', 'change-2')
    expect(wrong).toMatchObject({ status: 1, stdout: '' })
    expect((await run('', 'cancel-commit', 'plain', '--persist-id', 'change-1')).status).toBe(0)
    expect((await run('', 'get-config', 'plain')).stdout).not.toContain('<contact>later<')
  })

  it('say what is missing or wrong: status 2', async () => {
    expect(await run('', 'cancel-commit', 'plain')).toMatchObject({ status: 2 })
    expect(await run('<x/>', 'edit-data', 'plain')).toMatchObject({ status: 2 })
    const word = await run('', 'get-data', 'plain', '--config-filter', 'maybe')
    expect(word).toMatchObject({ status: 2, stdout: '' })
    expect(word.stderr).toMatch(/true or false/)
  })
})
