import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditCommand } from '../../../src/cli/operator/audit.js'
import { bridgeSocketIn } from '../../../src/app/bridge-socket.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { type ServedSocket, serveOnSocket } from '../../../src/northbound/http/server/unix-socket.js'
import type { AuditIndex } from '../../../src/audit/files/audit-index.js'
import { fleetInMemory } from '../../northbound/http/fleet-in-memory.js'
import { recordedLog } from '../../northbound/http/recorded-log.js'
import { openIndexHere } from '../../audit/support/index-on-this-thread.js'
import { recordedIo } from '../recorded-io.js'

const noon = Date.parse('2026-03-01T12:00:00Z')
const subject = { user: 'ops', source: '192.0.2.5:50000', via: 'ssh', deviceId: 'router1', sessionId: 'a1b2c3d4' }

let cwd = ''
let served: ServedSocket | undefined
let index: AuditIndex

beforeEach(async () => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'homeport-audit-')))
  mkdirSync(join(cwd, 'state'))
  writeFileSync(join(cwd, 'homeport.yaml'), 'data-dir: state\n')
  index = openIndexHere({
    file: join(cwd, 'record.db'),
    retention: { keep: 1e15, maxRows: 10_000 },
    onState: () => undefined,
  })
  const { log } = recordedLog()
  const app = createApp({ ...fleetInMemory({ findAuditEvents: index.find }), log })
  const serving = await serveOnSocket(app, { path: bridgeSocketIn(join(cwd, 'state')), log })
  if (!serving.ok) throw new Error(serving.failure.message)
  served = serving.served
})
afterEach(async () => {
  await served?.close()
  await index.close()
  rmSync(cwd, { recursive: true })
})

function add(minutesBeforeNoon: number, event: string, more: object = {}): void {
  const entry = { time: new Date(noon - minutesBeforeNoon * 60_000).toISOString(), event, ...subject, ...more }
  index.append(JSON.stringify(entry), entry)
}

async function audit(...args: string[]) {
  const { io, output } = recordedIo({ cwd })
  await auditCommand(io, () => noon).parseAsync(['--config', 'homeport.yaml', ...args], { from: 'user' })
  const { stdout, stderr, status } = output
  return { stdout, stderr, status }
}

describe('audit', () => {
  it('is an aligned table, the newest last, without what a client could do to a terminal', async () => {
    add(9, 'session-opened', { channel: 'netconf', request: 'netconf', roles: ['operator'] })
    const rpc = { bytesFromClient: 812, bytesFromDevice: 1_440_000, durationSeconds: 0.0421 }
    add(8, 'rpc', { ...rpc, operation: 'edit-config', datastore: 'candidate', outcome: 'lock-denied' })
    add(7, 'rpc', { ...rpc, operation: 'evil\u001b[2J', outcome: 'ok' })
    add(6, 'session-closed', { ...rpc, channel: 'netconf', endedBy: 'client', rpcs: 2, durationSeconds: 12.34 })
    const sum = { bytesFromClient: 812, bytesFromDevice: 1_440_000, sessionId: undefined, source: '192.0.2.5' }
    add(6, 'rpcs-summed', { ...sum, since: '2026-03-01T11:53:00Z', operation: 'get', outcome: 'ok', rpcs: 1234 })
    add(5, 'session-refused', { sessionId: undefined, request: 'shell', reason: 'channel-not-allowed' })
    expect(await audit()).toEqual({
      stdout: [
        'TIME                  USER  FROM             DEVICE   SESSION   WHAT                   OUTCOME              SENT   RECEIVED  TOOK',
        '2026-03-01 11:51:00Z  ops   192.0.2.5:50000  router1  a1b2c3d4  open netconf           -                    -      -         -',
        '2026-03-01 11:52:00Z  ops   192.0.2.5:50000  router1  a1b2c3d4  edit-config candidate  lock-denied          812 B  1.4 MB    42 ms',
        '2026-03-01 11:53:00Z  ops   192.0.2.5:50000  router1  a1b2c3d4  evil\\u{1b}[2J          ok                   812 B  1.4 MB    42 ms',
        '2026-03-01 11:54:00Z  ops   192.0.2.5:50000  router1  a1b2c3d4  close                  by client, 2 RPCs    812 B  1.4 MB    12.3 s',
        '2026-03-01 11:54:00Z  ops   192.0.2.5        router1  -         1234 × get             ok                   812 B  1.4 MB    -',
        '2026-03-01 11:55:00Z  ops   192.0.2.5:50000  router1  -         refused shell          channel-not-allowed  -      -         -',
        '',
      ].join('\n'),
      stderr: '',
      status: 0,
    })
  })

  it('is of a time, counted back or told', async () => {
    for (const minutes of [200, 100, 50, 10]) add(minutes, 'rpc', { operation: `before-${minutes}` })
    const shown = async (...args: string[]) =>
      [...(await audit(...args)).stdout.matchAll(/before-(\d+)/g)].map(([, n]) => n)
    expect(await shown('--since', '2h')).toEqual(['100', '50', '10'])
    expect(await shown('--since', '2026-03-01T11:00Z', '--until', '15m')).toEqual(['50'])
    expect(await shown('--device', 'ROUTER1', '--limit', '2')).toEqual(['50', '10'])
    expect(await shown('--operation', 'before-200', '--user', 'ops', '--session', 'a1b2c3d4')).toEqual(['200'])
    expect((await audit('--user', 'nobody')).stdout).toBe('no such lines in the audit log\n')
  })

  it('is JSON lines with --json, over as many pages as it takes', async () => {
    for (let n = 0; n < 2500; n += 1) add(3000 - n, 'rpc', { n })
    const { stdout } = await audit('--json', '--limit', '2100')
    const lines = stdout.trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(
      Array.from({ length: 2100 }, (_, n) => n + 400),
    )
  })

  it.each([
    ['--since', 'yesterday'],
    ['--until', '10'],
    ['--limit', '0'],
    ['--limit', '-5'],
  ])('%s %s is wrong usage', async (option, value) => {
    expect(await audit(`${option}=${value}`)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(option),
    })
  })

  it('says that no bridge answers', async () => {
    await served?.close()
    expect(await audit()).toMatchObject({ status: 1, stderr: expect.stringContaining('start it with homeport serve') })
  })
})
