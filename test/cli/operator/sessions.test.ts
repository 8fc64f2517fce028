import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bridgeSocketIn } from '../../../src/app/bridge-socket.js'
import { sessionsCommand } from '../../../src/cli/operator/sessions.js'
import { age, bytes } from '../../../src/cli/operator/show-sessions.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { type ServedSocket, serveOnSocket } from '../../../src/northbound/http/server/unix-socket.js'
import { fleetInMemory, session } from '../../northbound/http/fleet-in-memory.js'
import { recordedLog } from '../../northbound/http/recorded-log.js'
import { recordedIo } from '../recorded-io.js'

let cwd = ''
let served: ServedSocket | undefined

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2025-06-01T10:12:30Z') })
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'homeport-sessions-')))
  mkdirSync(join(cwd, 'state'))
  writeFileSync(join(cwd, 'homeport.yaml'), 'data-dir: state\n')
  const room = fleetInMemory({
    sessions: [
      session('a1b2c3d4'),
      session('zz', {
        deviceId: 'evil\u001b[2J',
        request: { kind: 'exec', command: 'netconf' },
        client: { user: 'nms', source: 'local', via: 'http' },
      }),
    ],
  })
  const { log } = recordedLog()
  const serving = await serveOnSocket(createApp({ ...room, log }), { path: bridgeSocketIn(join(cwd, 'state')), log })
  if (!serving.ok) throw new Error(serving.failure.message)
  served = serving.served
})
afterEach(async () => {
  vi.useRealTimers()
  await served?.close()
  rmSync(cwd, { recursive: true })
})

async function sessions(action: string, ...args: readonly string[]) {
  const { io, output } = recordedIo({ cwd })
  await sessionsCommand(io).parseAsync([action, '--config', 'homeport.yaml', ...args], { from: 'user' })
  const { stdout, stderr, status } = output
  return { stdout, stderr, status }
}

describe('sessions list', () => {
  it('is an aligned table without what a device could do to a terminal', async () => {
    expect(await sessions('list')).toEqual({
      stdout: [
        'ID        DEVICE         USER  FROM             VIA   CHANNEL       AGE     SENT   RECEIVED',
        'a1b2c3d4  router1        ops   192.0.2.5:50000  ssh   netconf       12m30s  812 B  1.4 MB',
        'zz        evil\\u{1b}[2J  nms   local            http  exec netconf  12m30s  812 B  1.4 MB',
        '',
      ].join('\n'),
      stderr: '',
      status: 0,
    })
  })

  it('is of one device or one user where asked', async () => {
    expect((await sessions('list', '--device', 'router1')).stdout).not.toContain('zz')
    expect((await sessions('list', '--user', 'nms')).stdout).not.toContain('a1b2c3d4')
    expect((await sessions('list', '--user', 'no & body')).stdout).toBe('no sessions\n')
  })

  it('is the answer of the API with --json', async () => {
    const { stdout } = await sessions('list', '--json', '--user', 'ops')
    expect(JSON.parse(stdout)).toMatchObject({ sessions: [{ id: 'a1b2c3d4', bytesFromDevice: 1_440_000 }] })
  })
})

describe('sessions kill', () => {
  it('says that it is done', async () => {
    expect(await sessions('kill', 'zz')).toEqual({ stdout: 'killed: zz\n', stderr: '', status: 0 })
    expect((await sessions('list')).stdout).not.toContain('zz')
  })

  it('fails where there is none', async () => {
    expect(await sessions('kill', 'nothere')).toEqual({
      stdout: '',
      stderr:
        'homeport: there is no session "nothere"\n' +
        'it may have ended by itself; homeport sessions list has all of them\n',
      status: 1,
    })
  })

  it.each(['', '.', '../devices/router1'])('%j is no session', async (id) => {
    expect(await sessions('kill', id)).toMatchObject({ status: 2 })
  })
})

describe('for people', () => {
  it.each([
    [999, '0s'],
    [59_000, '59s'],
    [61_000, '1m01s'],
    [3 * 3_600_000 + 300_000, '3h05m'],
    [50 * 3_600_000, '2d02h'],
  ])('%i ms are %s', (milliseconds, shown) => expect(age(milliseconds)).toBe(shown))

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [123_456, '123 kB'],
    [2_500_000_000, '2.5 GB'],
    [3_000_000_000_000_000, '3000 TB'],
  ])('%i octets are %s', (count, shown) => expect(bytes(count)).toBe(shown))
})
