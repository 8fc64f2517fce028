import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { afterEach, expect, it } from 'vitest'
import type { AuditLog } from '../../../src/audit/audit-log.js'
import type { DeviceChannel } from '../../../src/fleet/link.js'
import type { SessionContext } from '../../../src/northbound/ssh/session.js'
import { unrestricted } from '../../../src/northbound/ssh/login-restriction.js'
import { createLog } from '../../../src/telemetry/log.js'
import { connectedTo } from './support/served-sessions.js'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

it('after its device’s channel was opened leaves nothing unread there, or the channel would never be closed', async () => {
  const stream = new PassThrough()
  const standardError = new PassThrough()
  stream.end('the hello of the device')
  standardError.end('a banner')
  let closed = false
  const channel = { stream, standardError, close: () => (closed = true) } as unknown as DeviceChannel
  // The disk became full while the device opened the channel.
  const auditLog = {
    refusal: () => undefined,
    session: () => ({
      ok: false,
      refusal: { reason: 'record-not-written', message: 'the disk is full', hint: 'wait' },
    }),
    refused: () => undefined,
  } as unknown as AuditLog
  const operations = { kind: 'all' }
  const context = {
    fleet: { openSession: async () => ({ ok: true, channel, session: { id: '1' } }) },
    deviceId: 'router1',
    client: { user: 'ops', source: '192.0.2.1:1', via: 'ssh' },
    restriction: unrestricted,
    keyExchange: () => undefined,
    method: 'password',
    auditLog,
    refusalLines: () => undefined,
    authorise: async () => ({ allowed: true, permission: { roles: [], channels: new Set(['netconf']), operations } }),
    log: createLog({ level: 'error', format: 'json' }, { write: () => undefined }),
    metrics: { sessionRefused: () => undefined },
    rules: {},
    live: { watch: () => () => undefined },
    tracer: () => undefined,
  } as unknown as SessionContext

  const { client, stop } = await connectedTo(context)
  ends.push(stop)
  const read = Promise.all([once(stream, 'end'), once(standardError, 'end')])
  const told = new Promise<string>((resolve, reject) => {
    client.subsys('netconf', (error, session) => {
      if (error) return reject(error)
      session.resume()
      session.stderr.once('data', (bytes: Buffer) => resolve(bytes.toString()))
    })
  })
  expect(await told).toBe('homeport: the disk is full; wait\n')
  await read
  expect(closed).toBe(true)
})
