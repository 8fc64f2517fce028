import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { OperationPolicy } from '../../src/access/authz/operation-rule.js'
import type { RpcEntry } from '../../src/audit/audit-event.js'
import { createFleetEmitter } from '../../src/fleet/fleet-emitter.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { element, type XmlElement } from '../../src/netconf/xml/xml-tree.js'
import { prepareOperation } from '../../src/rpc/prepared-operation.js'
import type { RpcCaller, RpcRequest, RpcResult } from '../../src/rpc/rpc-request.js'
import { createRpcService, type RpcService } from '../../src/rpc/rpc-service.js'
import { callLimits } from '../northbound/http/fleet-in-memory.js'
import { type DeviceInMemory, deviceInMemory } from '../northbound/http/rpc/support/device-in-memory.js'

let device: DeviceInMemory
let rpc: RpcService
let lines: RpcEntry[]
let denied: number
let whenAttached: () => Promise<boolean>

beforeEach(() => {
  device = deviceInMemory()
  lines = []
  denied = 0
  whenAttached = async () => true
  rpc = createRpcService({
    fleet: { ...device.fleet, subscribe: createFleetEmitter().subscribe, whenAttached: () => whenAttached() },
    limits: () => callLimits,
    audit: { refusal: () => undefined, rpc: (entry) => void lines.push(entry) },
    denied: () => (denied += 1),
  })
})
afterEach(async () => {
  device.stop()
  await rpc.close()
})

const get = element(NETCONF_NS, 'get')
const edit = element(NETCONF_NS, 'edit-config', [
  element(NETCONF_NS, 'target', [element(NETCONF_NS, 'running')]),
  element(NETCONF_NS, 'config'),
])

function requestOf(operation: XmlElement, more: Partial<RpcRequest> = {}): RpcRequest {
  const prepared = prepareOperation(operation)
  if (!prepared.ok) throw new Error(prepared.error)
  const base = { deviceId: 'router1', operation: prepared.value, attributes: [], size: 6, timeout: 60_000, wait: 0 }
  return { ...base, ...more }
}

/** Somebody on a console, whom these rules let do what they allow. */
function callerWith(operations: OperationPolicy = { kind: 'all' }, signal = new AbortController().signal): RpcCaller {
  return {
    principal: { realm: 'local', name: 'ann' },
    client: { user: 'ann', source: 'console', via: 'http' },
    authorise: async () => ({ allowed: true, permission: { roles: ['ops'], operations, channels: new Set() } }),
    signal,
  }
}

const noRights: RpcCaller = {
  ...callerWith(),
  authorise: async () => ({ allowed: false, refusal: { reason: 'no-role', message: 'none here', hint: 'ask' } }),
}

/** What came of a request, in a word, and what its reply holds. */
async function told(executing: Promise<RpcResult>): Promise<readonly [string, string]> {
  const result = await executing
  if (result.kind === 'failure') return [result.failure.cause, result.failure.message]
  if (result.kind === 'rpc-error') return [result.kind, result.errors.map(({ tag }) => tag).join()]
  const parts = [...result.reply.parts]
  for (let part = await result.reply.next(); part !== undefined; part = await result.reply.next()) parts.push(part)
  return [result.kind, Buffer.concat(parts).toString()]
}

const error =
  '<rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag>\
<error-severity>error</error-severity></rpc-error>'

describe('a request', () => {
  it.each([
    ['that reads', get],
    ['that acts', edit],
  ])('%s is carried out, and written down once its reply was read', async (_, operation) => {
    const telling = told(rpc.execute(requestOf(operation), callerWith()))
    ;(await device.next()).answer('<data/>')
    expect(await telling).toEqual(['reply', '<data/></rpc-reply>'])
    expect(lines).toMatchObject([{ user: 'ann', operation: operation.name, outcome: 'ok', bytesFromClient: 6 }])
  })

  it('that the device refuses has the errors of the device', async () => {
    const telling = told(rpc.execute(requestOf(get), callerWith()))
    ;(await device.next()).answer(error)
    expect(await telling).toEqual(['rpc-error', 'lock-denied'])
    expect(lines).toMatchObject([{ outcome: 'lock-denied' }])
  })

  it.each([
    ['a shared session', get],
    ['a session of its own', edit],
  ])('is sent on %s of the account that the caller’s roles name', async (_, operation) => {
    const caller: RpcCaller = {
      ...callerWith(),
      authorise: async (deviceId) => {
        const authorisation = await callerWith().authorise(deviceId)
        return authorisation.allowed ? { ...authorisation, account: 'read-only' } : authorisation
      },
    }
    const telling = told(rpc.execute(requestOf(operation), caller))
    ;(await device.next()).answer('<data/>')
    await telling
    expect(device.accounts).toEqual(['read-only'])
  })

  it('of somebody without rights reaches no device', async () => {
    expect(await told(rpc.execute(requestOf(get), noRights))).toEqual(['no-rights', 'none here'])
    expect([device.clients, lines, denied]).toEqual([[], [], 0])
  })

  it('that a rule forbids reaches no device, and is written down', async () => {
    const [cause] = await told(rpc.execute(requestOf(edit), callerWith({ kind: 'rules', roles: [] })))
    expect([cause, device.clients, denied]).toEqual(['operation-forbidden', [], 1])
    expect(lines).toMatchObject([{ operation: 'edit-config', datastore: 'running', outcome: 'access-denied' }])
  })

  it.each([
    [element(NETCONF_NS, 'lock'), 'needs-session', {}],
    [element('urn:ietf:params:xml:ns:netconf:notification:1.0', 'create-subscription'), 'needs-session', {}],
    [get, 'unknown-session', { sessionId: 'of-another' }],
  ])('for which there is no session is told so (%#)', async (operation, cause, more) => {
    expect((await told(rpc.execute(requestOf(operation, more), callerWith())))[0]).toBe(cause)
    expect(device.clients).toEqual([])
  })

  it('that waited for its device is judged again', async () => {
    let allowed = true
    whenAttached = async () => {
      allowed = false
      return true
    }
    const caller: RpcCaller = {
      ...callerWith(),
      authorise: (id) => (allowed ? callerWith() : noRights).authorise(id),
    }
    expect((await told(rpc.execute(requestOf(edit, { wait: 1000 }), caller)))[0]).toBe('no-rights')
    expect(device.clients).toEqual([])
  })

  it('whose reply is wanted whole says that it is too long', async () => {
    const telling = told(rpc.execute(requestOf(get, { maxReplySize: 100 }), callerWith()))
    ;(await device.next()).answer(`<data>${'x'.repeat(200)}</data>`)
    expect((await telling)[0]).toBe('reply-too-large')
    expect(lines).toMatchObject([{ outcome: 'unknown' }])
  })

  it.each([
    ['that reads', get, 'client-gone', []],
    ['that acts', edit, 'device-timeout', ['aborted']],
  ])('%s is given up with its client, or with its time', async (_, operation, cause, outcomes) => {
    const gone = new AbortController()
    const telling = told(rpc.execute(requestOf(operation, { timeout: 300 }), callerWith({ kind: 'all' }, gone.signal)))
    await device.next()
    gone.abort()
    expect((await telling)[0]).toBe(cause)
    expect(lines.map(({ outcome }) => outcome)).toEqual(outcomes)
    if (operation === edit) await vi.waitFor(() => expect(device.open.size).toBe(0))
  })

  it('is plain data', () => {
    const request = requestOf(edit, { sessionId: 's1', maxReplySize: 9 })
    expect(JSON.parse(JSON.stringify(request))).toEqual(request)
  })
})
