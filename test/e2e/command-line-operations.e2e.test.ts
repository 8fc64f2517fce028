import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedDevice, startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { boxConfig } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { type Ended, homeport, homeportReading, operateHere } from './support/homeport-command.js'
import { curl } from './support/http-api.js'

const box = (name: string): string => `<box xmlns="urn:homeport:test"><name>${name}</name></box>`

let netconfd: Netconfd
let attached: AttachedDevice
let breaking: SimulatedDevice
let config: string

beforeAll(async () => {
  netconfd = await startNetconfd()
  attached = await startAttachedDevice({
    netconf: netconfd.subsystem,
    config: {
      devices: [
        { id: 'router1', secret: 'secret-of-the-device' },
        { id: 'breaking', secret: 'secret-of-another' },
        { id: 'absent', secret: 'secret-of-nobody' },
      ],
    },
  })
  const { bridge } = attached
  config = join(bridge.directory, 'homeport.yaml')
  breaking = startSimulatedDevice({
    id: 'breaking',
    bridge: { host: bridge.host, port: bridge.callHomePort },
    secret: 'secret-of-another',
    username: deviceLogin.user,
    password: deviceLogin.password,
  })
  await bridge.logged(/^link attached/, { deviceId: 'breaking' })
})

afterAll(async () => {
  await breaking?.stop()
  await attached?.stop()
  await netconfd?.stop()
})

const run = (...words: readonly string[]): Promise<Ended> => reading('', ...words)
const reading = (input: string, ...words: readonly string[]): Promise<Ended> =>
  operateHere(input, ...words, '--config', config)

/** What a command wrote that went well. */
async function written(running: Promise<Ended>): Promise<string> {
  const { status, stdout, stderr } = await running
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.endsWith('\n')).toBe(true)
  return stdout
}

describe('homeport as a process', () => {
  it('gets an operation by pipe, and says with its status how it went', async () => {
    const rpc = '<get-config><source><running/></source></get-config>'
    const done = await homeportReading(rpc, 'rpc', 'router1', '--config', config)
    expect(done).toMatchObject({ status: 0, stderr: '' })
    expect(done.stdout).toMatch(/^[^]*<rpc-reply[^]*<\/rpc-reply>\n$/)
    expect(await homeport('get', 'absent', '--config', config)).toMatchObject({ status: 1, stdout: '' })
    expect(await homeport('edit-config', 'router1', '--config', config)).toMatchObject({ status: 2, stdout: '' })
  })
})

describe('the commands of NETCONF', () => {
  it('edit-config into candidate from standard input, commit, get-config of both', async () => {
    expect(await written(reading(box('from stdin'), 'edit-config', 'router1', '--target', 'candidate'))).toMatch(
      /<ok ?\/>/,
    )
    expect(await written(run('get-config', 'router1', '--source', 'candidate'))).toContain('<name>from stdin</name>')
    expect(await written(run('get-config', 'router1'))).not.toContain('from stdin')
    expect(await written(run('commit', 'router1'))).toMatch(/<ok ?\/>/)
    expect(await written(run('get-config', 'router1'))).toContain('<name>from stdin</name>')
  })

  it('edit-config from a file, discard-changes, copy-config', async () => {
    const file = join(attached.bridge.directory, 'edit.xml')
    await writeFile(file, boxConfig('from a file'))
    await written(run('edit-config', 'router1', file, '--target', 'candidate', '--default-operation', 'merge'))
    expect(await written(run('get-config', 'router1', '--source', 'candidate'))).toContain('from a file')
    await written(run('discard-changes', 'router1'))
    expect(await written(run('get-config', 'router1', '--source', 'candidate'))).not.toContain('from a file')
    await written(run('copy-config', 'router1', '--source', 'running', '--target', 'candidate'))
    await written(run('validate', 'router1'))
  })

  it('edit-config --commit is a transaction, with its steps', async () => {
    const steps = JSON.parse(
      await written(reading(box('at once'), 'edit-config', 'router1', '-', '--commit')),
    ) as object
    expect(steps).toMatchObject({ target: 'candidate' })
    expect(JSON.stringify(steps)).toMatch(/"operation":"lock".*"operation":"edit-config".*"operation":"commit"/)
  })

  it('get: filtered by a file or standard input, by XPath, with defaults; as JSON', async () => {
    const monitoring = 'urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring'
    const filter = `<netconf-state xmlns="${monitoring}"><statistics/></netconf-state>`
    const filtered = await written(reading(filter, 'get', 'router1', '--filter', '-', '--with-defaults', 'explicit'))
    expect(filtered).toContain('<in-sessions>')
    expect(filtered).not.toContain('<box')
    expect(await written(run('get', 'router1', '--xpath', '/netconf-state/statistics'))).toContain('<in-sessions>')
    const json = JSON.parse(await written(run('get-config', 'router1', '--json', '--timeout', '30s'))) as object
    expect(json).toMatchObject({ 'rpc-reply': { data: expect.anything() as unknown } })
  })

  it('get-schema writes the module and nothing else', async () => {
    expect((await written(run('get-schema', 'router1', 'homeport-test'))).trim()).toMatch(
      /^module homeport-test \{[^]*\}$/,
    )
  })

  it('kill-session ends the session of another', async () => {
    const opened = await curl(attached.bridge, '/api/v1/devices/router1/sessions')
    const { id } = JSON.parse(opened.body) as { id: string }
    const path = `/api/v1/devices/router1/sessions/${id}`
    const { sessionId } = JSON.parse((await curl(attached.bridge, path, { method: 'GET' })).body) as {
      sessionId: number
    }
    await written(run('kill-session', 'router1', String(sessionId)))
    expect((await curl(attached.bridge, `${path}/get-config`)).status).toBe(410)
  })

  it('rpc: an operation, a whole rpc, JSON; from the command line, a file or standard input', async () => {
    const operation = '<get-config><source><running/></source></get-config>'
    expect(await written(run('rpc', 'router1', '-e', operation))).toContain('<rpc-reply')
    const whole = `<rpc message-id="7" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${operation}</rpc>`
    expect(await written(reading(whole, 'rpc', 'router1', '-'))).toContain('message-id="7"')
    expect(await written(reading('{"get-config":{"source":{"running":{}}}}', 'rpc', 'router1'))).toContain('<rpc-reply')
    const file = join(attached.bridge.directory, 'rpc.xml')
    await writeFile(file, operation)
    expect(JSON.parse(await written(run('rpc', 'router1', file, '--json')))).toMatchObject({ 'rpc-reply': {} })
  })
})

describe('what fails', () => {
  it('an error of the device: status 1, nothing on standard output, each rpc-error on a line', async () => {
    const { status, stdout, stderr } = await run('delete-config', 'router1', '--target', 'startup')
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^homeport: .*\n(.*\n)*rpc-error: [a-z-]+(: .*)?\n$/)
  })

  it('the same as JSON: the problem on standard output', async () => {
    const { status, stdout, stderr } = await run('delete-config', 'router1', '--target', 'startup', '--json')
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ 'rpc-errors': [{ severity: 'error' }] })
  })

  it.each([
    ['a device that is not connected', ['get', 'absent'], /not connected/],
    ['a device that nobody knows', ['get', 'nobody'], /nobody/],
    ['an operation that the device does not have', ['rpc', 'router1', '-e', '<no-such xmlns="urn:x"/>'], /rpc-error: /],
  ])('%s: status 1', async (_, words, said) => {
    const { status, stdout, stderr } = await run(...words)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(said)
  })

  it.each([
    ['an edit without a target', ['edit-config', 'router1'], '<x/>', /--target/],
    ['an edit of nothing', ['edit-config', 'router1', '--target', 'candidate'], ' ', /empty/],
    ['a file that is not there', ['rpc', 'router1', 'no-such-file.xml'], '', /ENOENT/],
    ['no XML', ['rpc', 'router1'], '<get', /./],
    ['no number', ['kill-session', 'router1', 'all'], '', /number/],
    ['no duration', ['get', 'router1', '--timeout', 'soon'], '', /duration/],
    ['no device', ['rpc'], '<get/>', /no device is named/],
    ['a device id that is a path', ['get', '..'], '', /no device id/],
    ['an option that there is not', ['get', 'router1', '--no-such'], '', /unknown option/],
  ])('%s: status 2', async (_, words, input, said) => {
    const { status, stdout, stderr } = await reading(input, ...words)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(said)
  })

  it('a selector that selects nothing: status 1, for nothing was done', async () => {
    const { status, stdout, stderr } = await run('rpc', '--selector', 'ruoter*', '-e', '<get/>')
    expect(JSON.parse(stdout)).toMatchObject({ summary: { devices: 0 } })
    expect(stderr).toMatch(/^homeport: no device was asked\n.*devices list/)
    expect(status).toBe(1)
  })

  it('no bridge: status 1, and how to start one', async () => {
    const { status, stderr } = await operateHere(
      '',
      'get',
      'router1',
      '--config',
      join(attached.bridge.directory, 'edit.xml'),
    )
    expect(status).toBe(2)
    expect(stderr).not.toBe('')
    const elsewhere = join(attached.bridge.directory, 'elsewhere.yaml')
    await writeFile(elsewhere, JSON.stringify({ 'data-dir': 'elsewhere' }))
    const alone = await operateHere('', 'get', 'router1', '--config', elsewhere)
    expect(alone.status).toBe(1)
    expect(alone.stderr).toMatch(/no bridge answers on .*homeport serve/)
  })

  it('an answer that breaks off: status 1, however much came before', async () => {
    breaking.netconf.faults.dropNextReply()
    const { status, stderr } = await run('get', 'breaking')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^homeport: device "breaking" did not answer/)
  })
})
