import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readClaim } from '../../src/southbound/ssh/initiation.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { openSocketPair, readBytes, readToEnd } from './support/socket-pair.js'

const own = endAfterEach()
const preamble = 'MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router1\r\n'
const identity = '<identity><mac>00:02:5d:d9:21:5e</mac></identity>'
const afterwards = Buffer.concat([
  Buffer.from('SSH-2.0-x\r\n'),
  Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * 7919) & 0xff)),
])

afterEach(() => {
  vi.useRealTimers()
})

/** Runs what the timer of a claim waits for; sockets go on in real time. */
const fakeTimers = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

describe('what follows an initiation sequence', () => {
  it.each([
    ['a Junos one', preamble, { form: 'junos', deviceIds: ['router1'] }],
    ['none', '', { form: 'none', deviceIds: [] }],
    ['other lines', 'hello\r\n', { form: 'none', deviceIds: [] }],
  ])('stays on the socket, octet for octet, after %s', async (_name, first, claim) => {
    const { device, bridge } = own(await openSocketPair())
    device.end(Buffer.concat([Buffer.from(first), afterwards]))
    expect(await readClaim(bridge, 10_000)).toEqual({ ok: true, claim })
    expect(bridge.isPaused()).toBe(true)
    expect(await readToEnd(bridge)).toEqual(afterwards)
  })

  it('stays on the socket also when it all comes one octet at a time', async () => {
    const { device, bridge } = own(await openSocketPair())
    const reading = readClaim(bridge, 10_000)
    for (const byte of Buffer.concat([Buffer.from(preamble), afterwards.subarray(0, 40)]))
      await new Promise((done) => device.write(Buffer.from([byte]), done))
    expect(await reading).toMatchObject({ ok: true, claim: { deviceIds: ['router1'] } })
    device.end()
    expect(await readToEnd(bridge)).toEqual(afterwards.subarray(0, 40))
  })

  it('leaves no listener and no timer of the reading behind', async () => {
    const { device, bridge } = own(await openSocketPair())
    const before = ['data', 'end', 'close', 'error'].map((event) => bridge.listenerCount(event))
    fakeTimers()
    device.write(preamble + afterwards.toString('latin1'))
    await readClaim(bridge, 10_000)
    expect(['data', 'end', 'close', 'error'].map((event) => bridge.listenerCount(event))).toEqual(before)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a Calix identity', () => {
  it('is acknowledged with exactly <ack>ok</ack>, and SSH starts after it', async () => {
    const { device, bridge } = own(await openSocketPair())
    const reading = readClaim(bridge, 10_000)
    device.write(identity)
    const acknowledged = await readBytes(device, '<ack>ok</ack>'.length)
    expect(acknowledged.toString('latin1')).toBe('<ack>ok</ack>')
    device.end(afterwards)
    expect(await reading).toEqual({ ok: true, claim: { form: 'calix', deviceIds: ['00:02:5d:d9:21:5e'] } })
    expect(await readToEnd(bridge)).toEqual(afterwards)
    // Nothing more was sent than the acknowledgement.
    bridge.end()
    expect((await readToEnd(device)).length).toBe(0)
  })

  it.each([
    ['at once', ''],
    ['on a line of its own', '\r\n'],
  ])('may be followed by SSH %s, without waiting for the acknowledgement', async (_name, between) => {
    const { device, bridge } = own(await openSocketPair())
    device.end(Buffer.concat([Buffer.from(identity + between), afterwards]))
    expect(await readClaim(bridge, 10_000)).toMatchObject({ ok: true, claim: { form: 'calix' } })
    expect(await readToEnd(bridge)).toEqual(afterwards)
    bridge.end()
    expect((await readToEnd(device)).toString('latin1')).toBe('<ack>ok</ack>')
  })

  it('is taken once', async () => {
    const { device, bridge } = own(await openSocketPair())
    device.write(identity + identity)
    expect(await readClaim(bridge, 10_000)).toMatchObject({
      ok: false,
      refusal: { reason: 'initiation-malformed', message: 'sent a second <identity>', deviceId: '00:02:5d:d9:21:5e' },
    })
  })

  it('with nothing after it is not told to have sent nothing', async () => {
    const { device, bridge } = own(await openSocketPair())
    fakeTimers()
    const reading = readClaim(bridge, 10_000)
    device.write(identity)
    await readBytes(device, '<ack>ok</ack>'.length)
    vi.advanceTimersByTime(10_000)
    expect(await reading).toMatchObject({
      refusal: {
        reason: 'initiation-timeout',
        message: 'sent no SSH identification for 10 s',
        deviceId: '00:02:5d:d9:21:5e',
      },
    })
  })

  it('and then the end of the connection is told with its id', async () => {
    const { device, bridge } = own(await openSocketPair())
    device.end(identity)
    expect(await readClaim(bridge, 10_000)).toMatchObject({
      refusal: {
        reason: 'closed-early',
        message: 'closed before its SSH identification',
        deviceId: '00:02:5d:d9:21:5e',
      },
    })
  })
})

describe('a connection without an SSH identification', () => {
  it.each([
    ['nothing', '', 'sent nothing for 2.5 s'],
    ['half a sequence', preamble, 'sent no SSH identification for 2.5 s'],
  ])('that sends %s is refused when the time is over, and not before', async (_name, bytes, message) => {
    const { device, bridge } = own(await openSocketPair())
    fakeTimers()
    let settled = false
    const reading = readClaim(bridge, 2_500).finally(() => {
      settled = true
    })
    if (bytes !== '') {
      device.write(bytes)
      await once(bridge, 'data')
    }
    vi.advanceTimersByTime(2_499)
    await new Promise((done) => setImmediate(done))
    expect(settled).toBe(false)
    vi.advanceTimersByTime(1)
    expect(await reading).toMatchObject({ ok: false, refusal: { reason: 'initiation-timeout', message } })
  })

  it.each([
    ['at once', '', 'sent-nothing', 'closed without sending anything'],
    ['half way', preamble, 'closed-early', 'closed before its SSH identification'],
  ])('that closes %s is refused then', async (_name, bytes, reason, message) => {
    const { device, bridge } = own(await openSocketPair())
    device.end(bytes)
    const reading = await readClaim(bridge, 10_000)
    expect(reading).toMatchObject({ ok: false, refusal: { reason, message } })
    expect('refusal' in reading && reading.refusal.deviceId).toBe(bytes === '' ? undefined : 'router1')
  })

  it.each([
    ['no whole line', 'DEVICE-ID: router1', undefined],
    ['two ids', 'DEVICE-ID: router1\r\nDEVICE-ID: router2\r\n', undefined],
    ['the same id twice', 'DEVICE-ID: router1\r\nDEVICE-ID: router1\r\nHM', 'router1'],
    ['an id that breaks the rule', 'DEVICE-ID: a@b\r\n', undefined],
    ['octets that are no UTF-8', Buffer.from('DEVICE-ID: r\xff\r\n', 'latin1'), undefined],
    ['what no device sends', 'hello\r\nDEVICE-ID: router1\r\n', undefined],
  ])('that closes after %s is told with the id that it claimed, where that is one', async (_name, bytes, deviceId) => {
    const { device, bridge } = own(await openSocketPair())
    device.end(bytes)
    const reading = await readClaim(bridge, 10_000)
    expect('refusal' in reading && [reading.refusal.reason, reading.refusal.deviceId]).toEqual([
      'closed-early',
      deviceId,
    ])
  })

  it.each([
    ['octets', Buffer.alloc(4096, 0xe7)],
    ['a word', 'hello\n'],
  ])('that sends %s of no device is told so, whether it closes or waits', async (_name, bytes) => {
    const closing = own(await openSocketPair())
    closing.device.end(bytes)
    expect(await readClaim(closing.bridge, 10_000)).toMatchObject({
      refusal: {
        message: 'closed after sending what no device sends',
        hint: expect.stringMatching(/^only devices that call home by SSH/),
      },
    })
    const waiting = own(await openSocketPair())
    waiting.device.write(bytes)
    expect(await readClaim(waiting.bridge, 100)).toMatchObject({
      refusal: { reason: 'initiation-timeout', hint: expect.stringMatching(/^only devices that call home by SSH/) },
    })
  })

  it('that is reset is refused as well', async () => {
    const { device, bridge } = own(await openSocketPair())
    const reading = readClaim(bridge, 10_000)
    device.resetAndDestroy()
    expect(await reading).toMatchObject({ ok: false, refusal: { reason: 'sent-nothing' } })
  })
})
