import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  readFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { notReached } from '../../../src/cli/operator/bridge-client.js'
import { NoSocketAnswers } from '../../../src/cli/operator/bridge-stream.js'
import { bridgeSocketIn } from '../../../src/app/bridge-socket.js'
import { devicesCommand } from '../../../src/cli/operator/devices.js'
import { readFingerprint, readNewName } from '../../../src/cli/operator/keys-to-compare.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { serveOnSocket } from '../../../src/northbound/http/server/unix-socket.js'
import { attached, enrolment, fleetInMemory, keyA, keyB } from '../../northbound/http/fleet-in-memory.js'
import { recordedLog } from '../../northbound/http/recorded-log.js'
import { width } from '../../../src/cli/table.js'
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

async function startBridge(more: Partial<Parameters<typeof createApp>[0]> = {}) {
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
        lastRefusal: {
          reason: 'wrong-hmac',
          message: 'the two secrets differ',
          hint: 'set one',
          source: '192.0.2.9:1',
          at: seen,
        },
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
  const serving = await serveOnSocket(createApp({ ...room, ...more, log }), { path: socket, log })
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

  it('has in ssh_config the port where the bridge listens, whatever the configuration here says', async () => {
    await startBridge({ clientPort: () => 2830 })
    expect((await devices('hosts', '--format', 'ssh-config')).stdout).toContain('HostName 10.99.0.7\n    Port 2830\n')
  })

  it('is made here for a bridge of an earlier version, which answers with its list', async () => {
    const url = await startHttp((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://bridge')
      response.writeHead(pathname === '/api/v1/devices' ? 200 : 404).end(JSON.stringify({ devices: [earlierDevice] }))
    })
    expect(await devicesIn({ HOMEPORT_URL: url }, 'hosts', '--format', 'ssh-config', '--bridge', 'b')).toEqual({
      stdout: 'Host old1\n    HostName b\n    Port 20001\n',
      stderr: '',
      status: 0,
    })
    expect(await devicesIn({ HOMEPORT_URL: url }, 'hosts', '--format', 'ansible')).toMatchObject({ status: 1 })
    expect((await devicesIn({ HOMEPORT_URL: url }, 'list')).stdout).toMatch(/^old1 +approved +attached .* :20001 /m)
    expect((await devicesIn({ HOMEPORT_URL: url }, 'list', '--refused')).stderr).toMatch(/is of an earlier version/)
  })

  it('is an inventory for Ansible, in the name of who calls', async () => {
    await startBridge()
    const { stdout } = await devices('hosts', '--format', 'ansible', '--bridge', 'b.example', '--user', 'ops')
    expect(JSON.parse(stdout)).toMatchObject({
      _meta: { hostvars: { fixed: { ansible_host: 'b.example', ansible_user: 'ops@fixed', ansible_port: 830 } } },
    })
  })
})

/** As a bridge showed one before it told of link states. */
const earlierDevice = {
  id: 'old1',
  standing: 'approved',
  pins: [],
  presented: null,
  decision: null,
  firstSeen: null,
  lastSeen: null,
  lastRefusal: null,
  refusals: {},
  addresses: [],
  hasSecret: false,
  labels: {},
  endpoint: { port: 20001, address: null },
  link: {
    source: '192.0.2.1:1',
    attachedAt: '2025-06-01T10:00:00.000Z',
    fingerprint: keyA.fingerprint,
    software: 'x',
    sessions: 0,
    queued: 0,
    mostSessions: 10,
    lostChannels: 0,
    heldSession: null,
  },
  contest: null,
  lastDetached: null,
}

async function startHttp(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  toClose.push(() => new Promise((resolve) => server.close(resolve)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('devices list', () => {
  it('is an aligned table without colour or what a device could do to a terminal', async () => {
    await startBridge()
    const { stdout, ...rest } = await devices('list')
    expect(stdout.replace(/\d+ d {2}/, '5 d    ')).toBe(
      [
        'ID             STANDING    LINK                          ENDPOINT          LAST SEEN             LABELS',
        'a/b c          pending     pending                       -                 2025-06-01 10:00:00Z  -',
        'evil\\u{1b}[2J  rejected    never called                  -                 -                     -',
        'fixed          configured  never called                  -                 -                     -',
        'router1        approved    attached 5 d                  10.99.0.7 :20001  2025-06-01 10:00:00Z  site=tokyo',
        'swapped        approved    away since 2025-06-01 10:00Z  :20002            2025-06-01 10:00:00Z  -',
        '',
      ].join('\n'),
    )
    expect(rest).toEqual({ stderr: '', status: 0 })
  })

  it.each([40, 60, 80, 100, 120])('fits a terminal of %d columns', async (columns) => {
    const id = `a-device-with-quite-a-long-id-${'x'.repeat(60)}`
    const at = new Date(Date.now() - 5_500)
    const refusal = { reason: 'certificate-of-another-device', message: 'm', hint: 'h', source: 's', at }
    await startBridge({
      ...fleetInMemory({
        enrolments: [
          enrolment(id, 'approved', { lastRefusal: refusal, labels: { site: 'tokyo' } }),
          enrolment('東京のルーター', 'configured', { lastRefusal: { ...refusal, reason: 'wrong-hmac' } }),
        ],
      }),
    })
    const { io, output } = recordedIo({ cwd, columns })
    await devicesCommand(io).parseAsync(['list', '--config', 'homeport.yaml'], { from: 'user' })
    const lines = output.stdout.split('\n').slice(0, -1)
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns)
    expect(output.stdout).toMatch(/ refused \d s/)
    if (columns >= 80) expect(output.stdout).toMatch(/ refused \d s ago: wrong-hmac/)
  })

  it('asks for what the options say', async () => {
    const asked: string[] = []
    const url = await startHttp((request, response) => {
      asked.push(request.url ?? '')
      response.end('{"devices":[],"total":0,"next":null}')
    })
    const options = ['--attached', '--refused', '--standing', 'approved', '--label', 'a=b', '--label', 'c']
    const env = { HOMEPORT_URL: url }
    await devicesIn(env, 'list', ...options, '--selector', 'edge-*', '--search', 'x', '--sort', '-last-seen')
    expect(new URLSearchParams(asked[0]?.split('?')[1]).toString()).toBe(
      'link=attached%2Crefused&standing=approved&label=a%3Db&label=c&selector=edge-*&q=x&sort=-last-seen&limit=1000',
    )
    expect((await devicesIn(env, 'list', '--never')).stdout).toBe('no devices: none is like that\n')
  })

  it('reads all pages', async () => {
    const ids = Array.from({ length: 2345 }, (_, at) => `router-${at}`)
    await startBridge(fleetInMemory({ enrolments: ids.map((id) => enrolment(id, 'approved')) }))
    expect((await devices('list')).stdout.split('\n')).toHaveLength(ids.length + 2)
    const { devices: all, total } = JSON.parse((await devices('list', '--json')).stdout) as {
      readonly devices: unknown[]
      readonly total: number
    }
    expect([all.length, total]).toEqual([ids.length, ids.length])
  })

  it('says which option is wrong', async () => {
    await startBridge()
    expect(await devices('list', '--standing', 'aproved')).toMatchObject({
      stderr: expect.stringMatching(/homeport: --standing: expected one or more of configured/),
      status: 2,
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
    const { stdout, ...rest } = await devices('show', 'router1')
    expect(stdout.split('\n')).toEqual([
      'id            router1',
      'standing      approved',
      expect.stringMatching(/^state {9}attached \d+ d$/),
      'link          from 192.0.2.1:40000 since 2025-06-01 10:00:00Z, OpenSSH_9.2, 2 sessions, 0 queued',
      `link key      ${keyA.fingerprint}`,
      'proven by     pinned key',
      'logged in by  certificate',
      'key exchange  mlkem768x25519-sha256, post-quantum',
      'at most       10 sessions',
      `pin           ssh-ed25519 ${keyA.fingerprint} (by operator, 2025-06-01 10:00:00Z)`,
      'decision      approved by operator, 2025-06-01 10:00:00Z',
      'endpoint      10.99.0.7 :20001',
      'secret        no',
      'first seen    2025-06-01 10:00:00Z',
      'last seen     now',
      'addresses     192.0.2.1, 192.0.2.7',
      'last refusal  2025-06-01 10:00:00Z from 192.0.2.9:1: wrong-hmac: the two secrets differ',
      'hint          set one',
      'label         site=tokyo',
      '',
    ])
    expect(rest).toEqual({ stderr: '', status: 0 })
  })

  it('says what an unknown device needs', async () => {
    await startBridge()
    expect(await devices('show', 'no/ne')).toEqual({
      stdout: '',
      stderr: 'homeport: no device "no/ne" is known here\ncheck the spelling; homeport devices list has all of them\n',
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

describe('devices label', () => {
  it('sets labels and takes them away', async () => {
    const { calls } = await startBridge()
    expect(await devices('label', 'a/b c', 'site=tokyo', 'note=a=b', 'rack-')).toEqual({
      stdout: 'a/b c: site=tokyo note=a=b\n',
      stderr: '',
      status: 0,
    })
    expect(calls).toEqual([
      [
        'label',
        'a/b c',
        'operator',
        new Map([
          ['site', 'tokyo'],
          ['note', 'a=b'],
          ['rack', undefined],
        ]),
      ],
    ])
    expect((await devices('label', 'a/b c', 'site-', 'note-')).stdout).toBe('a/b c: no labels\n')
  })

  it('does so on all devices that filters leave, and goes on after one that is refused', async () => {
    await startBridge()
    expect(await devices('label', '--standing', 'approved,configured', 'role=pe')).toEqual({
      stdout: 'router1: role=pe\nswapped: role=pe\n',
      stderr: expect.stringMatching(/^homeport: device "fixed" stands in the configuration\n/),
      status: 1,
    })
    expect(await devices('label', '--label', 'site=nowhere', 'role=pe')).toMatchObject({ stdout: '', status: 1 })
  })

  it.each([['router1'], ['router1', 'site'], ['router1', '=tokyo'], ['router1', '-']])(
    'says how labels are written: %j %j',
    async (...words) => {
      const { calls } = await startBridge()
      expect(await devices('label', '--', ...words)).toMatchObject({
        stderr: expect.stringMatching(/homeport devices label router1 site=tokyo rack-\n$/),
        status: 2,
      })
      expect(calls).toEqual([])
    },
  )
})

describe('devices disconnect', () => {
  it('ends the links of several devices, and tells of those that have none', async () => {
    await startBridge()
    expect(await devices('disconnect', 'swapped', 'router1')).toMatchObject({
      stdout: 'disconnected: router1\n',
      stderr: expect.stringMatching(/"swapped" has no link to end/),
      status: 1,
    })
    expect(await devices('disconnect', '--attached', '--label', 'site=tokyo')).toEqual({
      stdout: 'disconnected: router1\n',
      stderr: '',
      status: 0,
    })
  })

  it('wants to know which: ids or filters, and not both', async () => {
    await startBridge()
    expect(await devices('disconnect')).toMatchObject({ status: 2 })
    expect(await devices('disconnect', 'router1', '--attached')).toMatchObject({ status: 2 })
    expect(await devices('disconnect', 'router1', '..')).toMatchObject({ status: 2 })
  })
})

describe('what was mistyped', () => {
  it('is answered with the device that was meant, and with commands', async () => {
    await startBridge()
    expect(await devices('show', 'rooter1')).toEqual({
      stdout: '',
      stderr:
        'homeport: no device "rooter1" is known here; did you mean router1?\n' +
        'check the spelling; homeport devices list has all of them\n',
      status: 1,
    })
  })

  it('is called as it was typed', async () => {
    await startBridge()
    const { stderr, status } = await devices('list', '--sort', 'foo')
    expect([stderr, status]).toEqual([expect.stringMatching(/^homeport: --sort: .*"last-seen"/), 2])
    expect(stderr).not.toContain('openapi')
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

  it('without a fingerprint asks for a name where a device sent no id', async () => {
    const id = keyB.fingerprint
    await startBridge(fleetInMemory({ enrolments: [enrolment(id, 'pending', { presented: keyB, lastSeen: seen })] }))
    const line = (name: string): unknown =>
      expect.stringContaining(
        `\nhomeport devices approve --fingerprint ${id} --config homeport.yaml --as ${name} ${id}    # `,
      )
    expect(await devices('approve')).toMatchObject({ stderr: line('NAME'), status: 2 })
    expect(await devices('approve', id, '--as', 'switch2')).toMatchObject({ stderr: line('switch2'), status: 2 })
  })

  it('the NAME of such a line is not taken for a name', () => {
    expect(() => readNewName('NAME')).toThrow('in the place of NAME')
    expect(readNewName('name')).toBe('name')
  })

  it('--as on a device that was approved without a name says how it gets one', async () => {
    const id = keyA.fingerprint
    const pins = [{ ...keyA, by: 'operator', addedAt: seen }]
    await startBridge(fleetInMemory({ enrolments: [enrolment(id, 'approved', { pins })] }))
    expect(await devices('approve', id, '--as', 'switch2')).toMatchObject({
      stderr: expect.stringMatching(/is approved already.*\n.*devices forget .*call.* --as switch2 /) as string,
      status: 1,
    })
  })

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
      stderr:
        `homeport: no bridge answers on ${socket} (the data-dir of homeport.yaml): start it with homeport serve\n` +
        'or say where it is: --config FILE, --socket PATH, or HOMEPORT_URL with HOMEPORT_TOKEN\n',
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
    const groups = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
    writeFileSync(socket, '')
    const denied = (path: string) => new NoSocketAnswers([{ path, code: 'EACCES' }], {})
    const { username } = userInfo()
    expect(await notReached({ kind: 'socket', path: socket }, denied(socket))).toEqual({
      message: `not permitted to open ${socket}: it belongs to user ${username}`,
      hint: `run the command as that user: sudo -u ${username} homeport …`,
      more: [],
      status: 1,
    })
    // As the socket of the service is, whose group has the operators.
    const { gid } = userInfo()
    const group = groups.find(([, , id]) => id !== '0' && (process.getuid?.() === 0 || id === String(gid)))
    if (group !== undefined) {
      const [name = '', , id] = group
      chownSync(socket, -1, Number(id))
      chmodSync(socket, 0o660)
      expect(await notReached({ kind: 'socket', path: socket }, denied(socket))).toMatchObject({
        hint:
          `run the command as that user: sudo -u ${username} homeport …; ` +
          `or join its group and log in anew: sudo adduser ${username} ${name}`,
      })
    }
    const hidden = join(cwd, 'state', 'hidden', 'homeport.sock')
    expect(await notReached({ kind: 'socket', path: hidden }, denied(hidden))).toMatchObject({
      message: `not permitted to open ${hidden}: ${join(cwd, 'state')} belongs to user ${username}`,
    })
  })
})

describe('a bridge elsewhere', () => {
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
      ['GET', '/homeport/api/v1/devices?limit=1000', 'Bearer t0ken'],
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

  it('that speaks no TLS is called without, and one that hangs up may want it', async () => {
    const url = await startHttp((request) => request.socket.resetAndDestroy())
    expect((await devicesIn({ HOMEPORT_URL: url.replace('http:', 'https:') }, 'list')).stderr).toBe(
      `homeport: ${url.replace('http:', 'https:')}/ speaks no TLS\n` +
        `try http:// instead of https://: HOMEPORT_URL=${url}\n`,
    )
    expect((await devicesIn({ HOMEPORT_URL: url }, 'list')).stderr).toContain('if the port speaks TLS, try https://')
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
