import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { notReached } from '../../../src/cli/operator/bridge-client.js'
import { bridgeSocketIn } from '../../../src/app/bridge-socket.js'
import { devicesCommand } from '../../../src/cli/operator/devices.js'
import { readFingerprint } from '../../../src/cli/operator/keys-to-compare.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { serveOnSocket } from '../../../src/northbound/http/server/unix-socket.js'
import { attached, enrolment, fleetInMemory, keyA, keyB } from '../../northbound/http/fleet-in-memory.js'
import { recordedLog } from '../../northbound/http/recorded-log.js'
import { recordedIo } from '../recorded-io.js'

let cwd = ''
let socket = ''
const toClose: (() => Promise<unknown>)[] = []

beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'homeport-devices-')))
  mkdirSync(join(cwd, 'state'))
  writeFileSync(join(cwd, 'homeport.yaml'), 'data-dir: state\n')
  socket = bridgeSocketIn(join(cwd, 'state'))
})
afterEach(async () => {
  for (const close of toClose.splice(0)) await close()
  rmSync(cwd, { recursive: true })
})

const seen = new Date('2025-06-01T10:00:00.123Z')

async function startBridge() {
  const room = fleetInMemory({
    statuses: [
      attached('router1', { labels: { site: 'tokyo' }, endpoint: { port: 20001, address: '10.99.0.7' } }),
      { id: 'swapped', labels: {}, maxSessions: 10, endpoint: { port: 20002 } },
    ],
    enrolments: [
      enrolment('router1', 'approved', {
        pins: [{ ...keyA, by: 'operator', addedAt: seen }],
        decision: { by: 'operator', at: seen, how: 'approved' },
        firstSeen: seen,
        lastSeen: seen,
        addresses: ['192.0.2.1', '192.0.2.7'],
        lastRefusal: { reason: 'wrong-hmac', message: 'the two secrets differ', source: '192.0.2.9:1', at: seen },
      }),
      enrolment('swapped', 'approved', { pins: [{ ...keyA, by: 'operator' }], presented: keyB, lastSeen: seen }),
      enrolment('a/b c', 'pending', { presented: keyB, lastSeen: seen }),
      enrolment('fixed', 'configured', {
        pins: [
          { ...keyA, by: 'configuration' },
          { ...keyB, by: 'configuration' },
        ],
      }),
      enrolment('evil\u001b[2J', 'rejected'),
    ],
  })
  const { log } = recordedLog()
  const serving = await serveOnSocket(createApp({ ...room, log }), { path: socket, log })
  if (!serving.ok) throw new Error(serving.failure.message)
  const { served } = serving
  toClose.push(() => served.close())
  return room
}

async function devicesIn(env: Record<string, string>, ...args: readonly string[]) {
  const { io, output } = recordedIo({ cwd, env })
  await devicesCommand(io).parseAsync(args, { from: 'user' })
  const { stdout, stderr, status } = output
  return { stdout, stderr, status }
}

const devices = (action: string, ...args: readonly string[]) =>
  devicesIn({}, action, '--config', 'homeport.yaml', ...args)

describe('devices hosts', () => {
  it('is what /etc/hosts takes', async () => {
    await startBridge()
    expect(await devices('hosts')).toEqual({
      stdout: ['# fixed: no address of its own', '10.99.0.7\trouter1', '# swapped: no address of its own', ''].join(
        '\n',
      ),
      stderr: '',
      status: 0,
    })
  })

  it('is a part of a DNS zone with --format zone', async () => {
    await startBridge()
    expect((await devices('hosts', '--format', 'zone')).stdout).toContain('\nrouter1\tIN\tA\t10.99.0.7\n')
  })

  it('is ssh_config with --format ssh-config: an address, else a port, else a jump', async () => {
    await startBridge()
    const { stdout } = await devices('hosts', '--format', 'ssh-config', '--bridge', 'bridge.example', '--port', '8830')
    expect(stdout).toBe(
      [
        'Host fixed',
        '    Port 830',
        '    ProxyJump bridge.example:8830',
        '    ProxyCommand ssh -p 8830 -W %h:%p bridge.example',
        'Host router1',
        '    HostName 10.99.0.7',
        '    Port 8830',
        'Host swapped',
        '    HostName bridge.example',
        '    Port 20002',
        '',
      ].join('\n'),
    )
  })

  it('has in ssh_config the port of the configuration unless another one is given', async () => {
    await startBridge()
    expect((await devices('hosts', '--format', 'ssh-config')).stdout).toContain('HostName 10.99.0.7\n    Port 830\n')
    writeFileSync(join(cwd, 'homeport.yaml'), 'data-dir: state\nendpoint: { ssh: { port: 2830 } }\n')
    expect((await devices('hosts', '--format', 'ssh-config')).stdout).toContain('HostName 10.99.0.7\n    Port 2830\n')
  })
})

describe('devices list', () => {
  it('is an aligned table without colour or what a device could do to a terminal', async () => {
    await startBridge()
    expect(await devices('list')).toEqual({
      stdout: [
        'ID             STANDING    LINK      ENDPOINT          LAST SEEN             FINGERPRINT',
        `a/b c          pending     -         -                 2025-06-01 10:00:00Z  ${keyB.fingerprint}`,
        'evil\\u{1b}[2J  rejected    -         -                 -                     -',
        `fixed          configured  -         -                 -                     ${keyA.fingerprint} (and 1 more)`,
        `router1        approved    attached  10.99.0.7 :20001  2025-06-01 10:00:00Z  ${keyA.fingerprint}`,
        `swapped        approved    -         :20002            2025-06-01 10:00:00Z  ${keyA.fingerprint}, shows ${keyB.fingerprint}`,
        '',
      ].join('\n'),
      stderr: '',
      status: 0,
    })
  })

  it('is the answer of the API with --json', async () => {
    await startBridge()
    const { stdout, status } = await devices('list', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ devices: [{ id: 'a/b c' }, {}, {}, { id: 'router1', link: {} }, {}] })
    expect(status).toBe(0)
  })
})

describe('devices show', () => {
  it('tells all that is known', async () => {
    await startBridge()
    expect(await devices('show', 'router1')).toEqual({
      stdout: [
        'id            router1',
        'standing      approved',
        'link          from 192.0.2.1:40000 since 2025-06-01 10:00:00Z, OpenSSH_9.2, 2 sessions, 0 queued',
        `link key      ${keyA.fingerprint}`,
        'at most       10 sessions',
        `pin           ssh-ed25519 ${keyA.fingerprint} (by operator, 2025-06-01 10:00:00Z)`,
        'decision      approved by operator, 2025-06-01 10:00:00Z',
        'endpoint      10.99.0.7 :20001',
        'secret        no',
        'first seen    2025-06-01 10:00:00Z',
        'last seen     2025-06-01 10:00:00Z',
        'addresses     192.0.2.1, 192.0.2.7',
        'last refusal  2025-06-01 10:00:00Z from 192.0.2.9:1: wrong-hmac: the two secrets differ',
        'label         site=tokyo',
        '',
      ].join('\n'),
      stderr: '',
      status: 0,
    })
  })

  it('says what an unknown device needs', async () => {
    await startBridge()
    expect(await devices('show', 'no/ne')).toEqual({
      stdout: '',
      stderr:
        'homeport: no device "no/ne" is known here\n' +
        'check the spelling; GET /api/v1/devices (homeport devices list) has all of them\n',
      status: 1,
    })
    const { stdout, stderr, status } = await devices('show', 'no/ne', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ type: 'urn:homeport:problem:unknown-device', status: 404 })
    expect([stderr, status]).toEqual(['', 1])
  })

  it.each(['', '.', '..'])('%j is no device id', async (id) => {
    await startBridge()
    expect(await devices('show', '--', id)).toMatchObject({
      stderr: `homeport: ${JSON.stringify(id)} is no device id\n`,
      status: 2,
    })
  })
})

describe('decisions', () => {
  it('approve tells what was bound', async () => {
    const { calls } = await startBridge()
    expect(await devices('approve', 'a/b c', '--fingerprint', keyB.fingerprint)).toEqual({
      stdout: `approved: a/b c is bound to ${keyB.type} ${keyB.fingerprint}\n`,
      stderr: '',
      status: 0,
    })
    expect(calls).toEqual([['approve', 'a/b c', 'operator', { fingerprint: keyB.fingerprint }]])
  })

  it('approve --as gives another id', async () => {
    await startBridge()
    expect(await devices('approve', 'a/b c', '--fingerprint', keyB.fingerprint, '--as', 'router9')).toMatchObject({
      stdout: `approved: router9 is bound to ${keyB.type} ${keyB.fingerprint}\n`,
      status: 0,
    })
    expect(await devices('approve', 'swapped', '--fingerprint', keyB.fingerprint, '--as', 'a@b')).toMatchObject({
      stderr: expect.stringContaining('a device id has no `@`') as string,
      status: 2,
    })
  })

  it.each([
    [['reject', 'a/b c'], 'rejected: a/b c\n'],
    [['forget', 'a/b c'], 'forgotten: a/b c\n'],
  ] as const)('%j', async ([action, id], stdout) => {
    const { calls } = await startBridge()
    expect(await devices(action, id)).toEqual({ stdout, stderr: '', status: 0 })
    expect(calls).toEqual([[action, id, 'operator']])
  })

  it('repin tells what is bound now, and takes a fingerprint with its padding', async () => {
    const { calls } = await startBridge()
    expect(await devices('repin', 'swapped', '--fingerprint', `${keyB.fingerprint}=`)).toEqual({
      stdout: `pinned anew: swapped is bound to ${keyB.type} ${keyB.fingerprint}\n`,
      stderr: '',
      status: 0,
    })
    expect(calls).toEqual([['repin', 'swapped', 'operator', keyB.fingerprint]])
  })

  it.each(['approve', 'repin'])('%s of a key that the device does not show changes nothing', async (action) => {
    await startBridge()
    const { stdout, stderr, status } = await devices(action, 'swapped', '--fingerprint', keyA.fingerprint)
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(stderr).toContain(keyB.fingerprint)
  })

  it.each([
    [['approve', 'a/b c'], `homeport devices approve --fingerprint ${keyB.fingerprint} --config homeport.yaml 'a/b c'`],
    [['approve'], `homeport devices approve --fingerprint ${keyB.fingerprint} --config homeport.yaml 'a/b c'`],
    [
      ['approve', 'a/b c', '--as', 'it;s'],
      `homeport devices approve --fingerprint ${keyB.fingerprint} --config homeport.yaml --as 'it;s' 'a/b c'`,
    ],
    [['repin', 'swapped'], `homeport devices repin --fingerprint ${keyB.fingerprint} --config homeport.yaml swapped`],
  ] as const)(
    '%j without a fingerprint shows what to compare, and what to paste then',
    async ([action, ...rest], line) => {
      const { calls } = await startBridge()
      const { stdout, stderr, status } = await devices(action, ...rest)
      expect({ stdout, status }).toEqual({ stdout: '', status: 2 })
      expect(stderr.split('\n')).toEqual([
        expect.stringContaining('no fingerprint is given') as string,
        `${line}    # ${keyB.type}, 2025-06-01 10:00:00Z`,
        '',
      ])
      expect(calls).toEqual([])
    },
  )

  it('without a fingerprint says where no key was shown', async () => {
    await startBridge()
    expect(await devices('approve', 'fixed')).toMatchObject({
      stderr: expect.stringContaining('"fixed" has shown no key that waits for a decision') as string,
      status: 1,
    })
  })

  it('a fingerprint of another form is wrong usage', () => {
    expect(() => readFingerprint('MD5:00:11')).toThrow('SHA256:')
    expect(() => readFingerprint(keyA.fingerprint.slice(0, -1))).toThrow('43 characters')
  })

  it('speak JSON, also where they are refused', async () => {
    await startBridge()
    const rejected = await devices('reject', 'a/b c', '--json')
    expect(JSON.parse(rejected.stdout)).toMatchObject({ id: 'a/b c', standing: 'rejected' })
    expect(await devices('forget', 'a/b c', '--json')).toEqual({ stdout: '', stderr: '', status: 0 })
    const refused = await devices('reject', 'fixed', '--json')
    expect(JSON.parse(refused.stdout)).toMatchObject({ status: 409 })
    expect(refused.status).toBe(1)
    expect(await devices('reject', 'fixed')).toEqual({
      stdout: '',
      stderr: 'homeport: device "fixed" stands in the configuration\nwhat to do about decided-by-configuration\n',
      status: 1,
    })
  })
})

describe('a bridge that cannot be asked', () => {
  it('does not run', async () => {
    expect(await devices('list')).toEqual({
      stdout: '',
      stderr: `homeport: no bridge answers on ${socket}: start it with homeport serve\n`,
      status: 1,
    })
  })

  it('has another configuration', async () => {
    expect(await devicesIn({}, 'list', '--config', 'none.yaml')).toMatchObject({
      stdout: '',
      stderr: expect.stringMatching(/^homeport: .*\nnone.yaml: there is no such file\n/) as string,
      status: 2,
    })
  })

  it('belongs to another user', async () => {
    writeFileSync(socket, '')
    const denied = Object.assign(new Error('connect EACCES'), { code: 'EACCES' })
    const { username } = userInfo()
    expect(await notReached({ kind: 'socket', path: socket }, denied)).toEqual({
      message: `not permitted to open ${socket}: it belongs to user ${username}`,
      hint: `run the command as that user: sudo -u ${username} homeport …`,
      status: 1,
    })
    const hidden = join(cwd, 'state', 'hidden', 'homeport.sock')
    expect(await notReached({ kind: 'socket', path: hidden }, denied)).toMatchObject({
      message: `not permitted to open ${hidden}: ${join(cwd, 'state')} belongs to user ${username}`,
    })
  })
})

describe('a bridge elsewhere', () => {
  async function startHttp(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    toClose.push(() => new Promise((resolve) => server.close(resolve)))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('is asked at HOMEPORT_URL with the token, below the path that it has, and no configuration is read', async () => {
    const asked: unknown[] = []
    const url = await startHttp((request, response) => {
      asked.push([request.method, request.url, request.headers.authorization])
      response.end('{"devices":[]}')
    })
    const env = { HOMEPORT_URL: `${url}/homeport/`, HOMEPORT_TOKEN: 't0ken' }
    expect(await devicesIn(env, 'list', '--config', 'none.yaml')).toEqual({
      stdout: 'no devices: none is configured, and none has called\n',
      stderr: '',
      status: 0,
    })
    await devicesIn({ HOMEPORT_URL: url }, 'forget', 'a/b')
    expect(asked).toEqual([
      ['GET', '/homeport/api/v1/devices', 'Bearer t0ken'],
      ['DELETE', '/api/v1/devices/a%2Fb', undefined],
    ])
  })

  it.each([
    [401, '', /answers with status 401\n.*HOMEPORT_TOKEN/],
    [502, '<html>', /answers with status 502\nis it a bridge/],
    [200, '<html>', /does not understand\n/],
    [200, '{"devices":[{"id":1}]}', /does not understand\n/],
  ])('that answers %d %s is no help', async (status, body, stderr) => {
    const url = await startHttp((_, response) => response.writeHead(status).end(body))
    expect(await devicesIn({ HOMEPORT_URL: url, HOMEPORT_TOKEN: 't0ken' }, 'list')).toEqual({
      stdout: '',
      stderr: expect.stringMatching(stderr) as string,
      status: 1,
    })
  })

  it('that is not there is named', async () => {
    const url = await startHttp(() => undefined)
    await toClose.pop()?.()
    expect(await devicesIn({ HOMEPORT_URL: url }, 'list', '--json')).toEqual({
      stdout: '',
      stderr: `homeport: no bridge answers on ${url}/: ECONNREFUSED\ncheck HOMEPORT_URL, and that the bridge runs\n`,
      status: 1,
    })
  })

  it.each([
    ['bridge:8080', 'is no http: or https: URL'],
    ['ftp://bridge', 'is no http: or https: URL'],
    ['http://me:hunter2@bridge', 'has a user or password in it'],
    ['http://bridge/?token=hunter2', 'has a query or a fragment'],
  ])('cannot be at %s', async (url, fault) => {
    const { stderr, status } = await devicesIn({ HOMEPORT_URL: url }, 'list')
    expect(stderr).toMatch(new RegExp(`^homeport: HOMEPORT_URL ${fault}\n`))
    expect(stderr).not.toContain('hunter2')
    expect(status).toBe(2)
  })

  it('is not sent a token that no header can hold', async () => {
    const env = { HOMEPORT_URL: 'http://127.0.0.1:1', HOMEPORT_TOKEN: 'a\nb' }
    expect(await devicesIn(env, 'list')).toMatchObject({ status: 2 })
  })
})
