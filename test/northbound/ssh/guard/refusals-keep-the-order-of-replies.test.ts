import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../../../src/netconf/framing/framing.js'
import { NETCONF_NS as ns } from '../../../../src/netconf/xml/namespaces.js'
import { createInspectionBudget } from '../../../../src/northbound/ssh/guard/inspection-budget.js'
import {
  converse,
  guardWith,
  type GuardSetup,
  helloFor,
  inEndOfMessage,
  repliesIn,
  serverHello,
} from '../support/guarded-conversation.js'

const framings = ['end-of-message', 'chunked'] as const
const rules = ['get']

const get = (id: number): string => `<rpc xmlns="${ns}" message-id="${id}"><get/></rpc>`
const edit = (id: number): string =>
  `<rpc xmlns="${ns}" message-id="${id}"><edit-config><target><running/></target><config/></edit-config></rpc>`
const reply = (id: number): string => `<rpc-reply xmlns="${ns}" message-id="${id}"><ok/></rpc-reply>`
const event = '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime/></notification>'

/** A guard with both hellos behind it, in whose conversation both sides speak by hand. */
function greeted(framing: Framing, setup: Partial<GuardSetup> = {}) {
  const guard = guardWith({ rules, ...setup })
  const told: Buffer[] = []
  const device: Buffer[] = []
  guard.toClient.on('data', (bytes: Buffer) => told.push(bytes))
  guard.toDevice.on('data', (bytes: Buffer) => device.push(bytes))
  guard.fromDevice.write(inEndOfMessage(serverHello))
  guard.fromClient.write(inEndOfMessage(helloFor(framing)))
  const settled = (): Promise<void> => turns(2)
  return {
    guard,
    clientSays: async (...messages: readonly string[]) => {
      guard.fromClient.write(Buffer.concat(messages.map((message) => encodeFrame(framing, message))))
      await settled()
    },
    deviceSays: async (bytes: Buffer | string) => {
      guard.fromDevice.write(typeof bytes === 'string' ? encodeFrame(framing, bytes) : bytes)
      await settled()
    },
    told: () => repliesIn(Buffer.concat(told), framing),
    atDevice: () => Buffer.concat(device).toString(),
    settled,
  }
}

/** Lets all streams get as far as they can. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe.each(framings)('a refusal, %s', (framing) => {
  it('goes out at once where nothing is waited for', async () => {
    const { clientSays, told } = greeted(framing)
    await clientSays(edit(1), edit(2))
    expect(told()).toEqual(['access-denied 1', 'access-denied 2'])
  })

  it('comes after the replies to all before it, and before those after it', async () => {
    const { clientSays, deviceSays, told } = greeted(framing)
    await clientSays(get(1), get(2), edit(3), get(4), edit(5))
    expect(told()).toEqual([])
    await deviceSays(reply(1))
    expect(told()).toEqual(['ok 1'])
    await deviceSays(reply(2))
    expect(told()).toEqual(['ok 1', 'ok 2', 'access-denied 3'])
    await deviceSays(reply(4))
    expect(told()).toEqual(['ok 1', 'ok 2', 'access-denied 3', 'ok 4', 'access-denied 5'])
  })

  it('is not moved by notifications, whatever stands before their root', async () => {
    const { clientSays, deviceSays, told } = greeted(framing)
    await clientSays(get(1), edit(2))
    await deviceSays(event)
    await deviceSays(
      `<?xml version="1.0"?>\n<!-- <rpc-reply/> -->\n${event.replaceAll('notification', 'n:notification').replace('xmlns', 'xmlns:n')}`,
    )
    expect(told()).toEqual(['eventTime', 'eventTime'])
    await deviceSays(`<!-- <notification/> -->${reply(1)}`)
    expect(told().slice(2)).toEqual(['ok 1', 'access-denied 2'])
  })

  it('is not moved by replies that nobody asked for', async () => {
    const { clientSays, deviceSays, told } = greeted(framing)
    await deviceSays(reply(98))
    await deviceSays(reply(99))
    await clientSays(get(1), edit(2))
    expect(told()).toEqual(['ok 98', 'ok 99'])
    await deviceSays(reply(1))
    expect(told().slice(2)).toEqual(['ok 1', 'access-denied 2'])
  })

  it('never goes into a message that is under way', async () => {
    const { clientSays, deviceSays, told } = greeted(framing)
    const notification = encodeFrame(framing, event)
    for (let at = 1; at < notification.length; at += 3) {
      await deviceSays(notification.subarray(0, at))
      await clientSays(edit(at))
      await deviceSays(notification.subarray(at))
      expect(told().slice(-2), `split at ${at}`).toEqual(['eventTime', `access-denied ${at}`])
    }
  }, 30_000)

  it('repeats all attributes of the request, and no more', async () => {
    const { clientSays, guard } = greeted(framing)
    const told: Buffer[] = []
    guard.toClient.on('data', (bytes: Buffer) => told.push(bytes))
    await clientSays(
      `<rpc xmlns="${ns}" xmlns:e="urn:e" message-id="&quot;]]&gt;]]&gt;&lt;x&#10;" e:user="fred" plain="é"><edit-config/></rpc>`,
    )
    const answer = Buffer.concat(told).toString()
    expect(answer).toContain('message-id="&quot;]]&gt;]]&gt;&lt;x&#10;"')
    expect(answer).toContain('xmlns:e="urn:e"')
    expect(answer).toContain('e:user="fred"')
    expect(answer).toContain('plain="é"')
    expect(answer).toContain(
      '<error-type>application</error-type><error-tag>access-denied</error-tag><error-severity>error',
    )
    expect(answer).toContain('edit-config is not allowed to role viewer')
  })

  it('has no namespace where the request has none', async () => {
    const { clientSays, guard } = greeted(framing)
    const told: Buffer[] = []
    guard.toClient.on('data', (bytes: Buffer) => told.push(bytes))
    await clientSays('<rpc message-id="1"><load-configuration/></rpc>')
    expect(Buffer.concat(told).toString()).toContain('<rpc-reply message-id="1"><rpc-error><error-type>')
  })

  it('and where the session must end, comes after all replies, and then nothing more is read', async () => {
    const { guard, clientSays, deviceSays, told, atDevice } = greeted(framing)
    await clientSays(get(1), edit(2), '<rpc><get></rpc>', get(4))
    let violated: string | undefined
    void guard.violated.then(({ reason }) => (violated = reason))
    expect([told(), violated]).toEqual([[], undefined])
    await deviceSays(reply(1))
    const tag = framing === 'chunked' ? 'malformed-message' : 'operation-failed'
    expect([told(), violated]).toEqual([['ok 1', 'access-denied 2', tag], 'malformed-request'])
    await clientSays(get(5))
    expect(atDevice()).not.toMatch(/message-id="[2-5]"/)
  })

  it('is decided anew for each request, so that a reload counts', async () => {
    let allowed = true
    const { clientSays, deviceSays, told } = greeted(framing, {
      decide: () => (allowed ? { allowed } : { allowed, reason: 'no more' }),
    })
    await clientSays(get(1))
    await deviceSays(reply(1))
    allowed = false
    await clientSays(get(2))
    expect(told()).toEqual(['ok 1', 'access-denied 2'])
  })
})

describe('a request whose judgement fails', () => {
  it('does not pass', async () => {
    const { guard, clientSays, atDevice } = greeted('chunked', {
      decide: () => {
        throw new Error('unforeseen')
      },
    })
    await clientSays(get(1))
    expect((await guard.violated).reason).toBe('internal-error')
    expect(atDevice()).not.toContain('<get')
  })
})

describe('what a device says behind its hello', () => {
  it('reaches the client, and is followed once the client has greeted, too', async () => {
    for (const framing of framings) {
      const guard = guardWith({ rules })
      const told: Buffer[] = []
      guard.toClient.on('data', (bytes: Buffer) => told.push(bytes))
      guard.fromDevice.write(Buffer.concat([inEndOfMessage(serverHello), encodeFrame(framing, event)]))
      guard.fromClient.write(Buffer.concat([inEndOfMessage(helloFor(framing)), encodeFrame(framing, edit(1))]))
      await turns(5)
      expect(repliesIn(Buffer.concat(told), framing)).toEqual(['eventTime', 'access-denied 1'])
    }
  })

  it('reaches a client that never greets, when the device ends', async () => {
    const guard = guardWith({ rules })
    const told: Buffer[] = []
    guard.toClient.on('data', (bytes: Buffer) => told.push(bytes))
    guard.fromDevice.end(Buffer.concat([inEndOfMessage(serverHello), Buffer.from('\nbye')]))
    await once(guard.toClient, 'end')
    expect(Buffer.concat(told).toString()).toBe(`${serverHello}]]>]]>\nbye`)
  })

  it('ends the session when it is too much, or no framing', async () => {
    const talkative = guardWith({ rules })
    talkative.toClient.resume()
    talkative.fromDevice.write(Buffer.concat([inEndOfMessage(serverHello), Buffer.alloc(70_000, 'x')]))
    expect((await talkative.violated).reason).toBe('device-framing')
    const { guard, deviceSays } = greeted('chunked')
    await deviceSays(Buffer.from('\n#x\n'))
    expect((await guard.violated).reason).toBe('device-framing')
  })
})

describe('bounds', () => {
  it('of refusals that wait: no more requests are read until replies come', async () => {
    const { guard, clientSays, deviceSays, told } = greeted('chunked', {
      limits: { maxInspectedRequest: 1024, maxWaitingRefusals: 10 },
    })
    await clientSays(get(0), ...Array.from({ length: 100 }, (_, at) => edit(at + 1)))
    expect(guard.denials).toHaveLength(10)
    await deviceSays(reply(0))
    expect(guard.denials).toHaveLength(100)
    expect(told()).toHaveLength(101)
  })

  it('of refusals that nobody reads: the client is read no further than it reads', async () => {
    const guard = guardWith({ rules })
    guard.toDevice.resume()
    guard.fromDevice.write(inEndOfMessage(serverHello))
    guard.fromClient.write(inEndOfMessage(helloFor('chunked')))
    for (let id = 0; id < 2000; id += 1) guard.fromClient.write(encodeFrame('chunked', edit(id)))
    await turns(100)
    expect(guard.denials.length).toBeLessThan(200)
    guard.toClient.resume()
    guard.fromClient.end()
    await once(guard.toDevice, 'end')
    expect(guard.denials).toHaveLength(2000)
  }, 30_000)

  it('of all requests together: the first octets of each are free, and what is done gives its room back', async () => {
    const held = createInspectionBudget(() => 100_000)
    const large = `<rpc xmlns="${ns}" message-id="1"><get>${'x'.repeat(150_000)}`
    const setup = { held, rules, limits: { maxInspectedRequest: 1024 * 1024, maxWaitingRefusals: 10 } }
    const first = greeted('chunked', setup)
    first.guard.fromClient.write(encodeFrame('chunked', large).subarray(0, -4))
    await first.settled()
    const whole = `${large}</get></rpc>`
    const told = (sent: string) =>
      converse({
        framing: 'chunked',
        ...setup,
        sent: [inEndOfMessage(helloFor('chunked')), encodeFrame('chunked', sent)],
      })
    expect(await told(whole)).toMatchObject({ device: [], client: ['resource-denied 1'], violation: 'too-much-held' })
    expect(await told(get(1))).toMatchObject({ client: ['ok 1'] })
    first.guard.stop()
    for (let times = 0; times < 3; times += 1) expect((await told(whole)).client).toEqual(['ok 1'])
    expect((await told(whole.replaceAll('get>', 'put>'))).client).toEqual(['access-denied 1'])
    expect((await told(whole)).client).toEqual(['ok 1'])
  })

  it('memory does not grow with a request of many elements or attributes', async () => {
    const held = createInspectionBudget(() => 64 * 1024 * 1024)
    const many = '<source/><a/>'.repeat(150_000)
    const sent = [
      inEndOfMessage(helloFor('chunked')),
      encodeFrame('chunked', `<rpc xmlns="${ns}" message-id="1"><get-config>${many}</get-config></rpc>`),
    ]
    const limits = { maxInspectedRequest: 4 * 1024 * 1024, maxWaitingRefusals: 10 }
    expect(await converse({ framing: 'chunked', rules, held, limits, sent })).toMatchObject({
      client: ['access-denied 1'],
    })
  })
})
