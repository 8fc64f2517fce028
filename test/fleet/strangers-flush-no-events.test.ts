import { describe, expect, it } from 'vitest'
import { makeFeed } from './support/hand-made-feed.js'
import { createFleetEventLog, type FleetEvent } from '../../src/fleet/event-log.js'
import { createWebhook, type WebhookSettings } from '../../src/northbound/webhooks/webhook.js'
import { createLog } from '../../src/telemetry/log.js'

const link = {
  source: '192.0.2.1:1',
  number: 1,
  hostKeyFingerprint: 'SHA256:x',
  software: 'OpenSSH_9',
  provenBy: 'pin',
} as const
const refusal = { reason: 'initiation-malformed', message: 'm', hint: 'h' } as const
const log = createLog({ level: 'error', format: 'json' }, { write: () => undefined })

function start(most: number) {
  const clock = { at: 0 }
  const emitter = makeFeed()
  const events = createFleetEventLog(emitter, most, () => new Date(clock.at))
  const told: FleetEvent[] = []
  events.listen((event) => told.push(event))
  /** Each from another source, and in another interval of the limit every thousand. */
  const flood = (calls: number): void => {
    for (let call = 0; call < calls; call += 1) {
      clock.at = Math.floor(call / 1000) * 10_000
      emitter.emit('refused', { ...refusal, source: `10.${call >> 16}.${(call >> 8) & 255}.${call & 255}:1` })
      emitter.emit('pending', { deviceId: `bot${call}`, ...link })
    }
  }
  return { emitter, events, told, flood, clock }
}

describe('calls of strangers by the thousand', () => {
  it('displace no event of a device that is kept for those who come again', () => {
    const { emitter, events, told, flood } = start(100)
    emitter.emit('attached', { deviceId: 'router1', ...link })
    emitter.emit('attached', { deviceId: 'router2', ...link })
    const first = told[0]?.id ?? ''
    flood(50_000)
    const { events: missed, complete } = events.since(first)
    expect(complete).toBe(true)
    expect(missed[0]).toMatchObject({ type: 'attached', deviceId: 'router2' })
    expect(missed.length).toBeLessThanOrEqual(1 + 25)
    // In their order, whatever they are.
    const numbers = missed.map(({ id }) => Number(id.split('-')[1]))
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other))
  })

  it('are told a few times, with how many there were between', () => {
    const { told, flood, emitter, clock } = start(100)
    flood(1_000)
    expect(told.filter(({ type }) => type === 'refused')).toHaveLength(50)
    expect(told.filter(({ type }) => type === 'pending')).toHaveLength(50)
    clock.at += 10_000
    emitter.emit('refused', { ...refusal, source: '192.0.2.9:1' })
    expect(told.at(-1)).toMatchObject({ type: 'refused', details: { notTold: 950 } })
  })

  it('still leave a gap where events of devices were lost, and of an earlier run', () => {
    const { emitter, events, told } = start(2)
    for (const deviceId of ['a', 'b', 'c', 'd']) emitter.emit('attached', { deviceId, ...link })
    expect(events.since(told[0]?.id ?? '').complete).toBe(false)
    expect(events.since(told[1]?.id ?? '').complete).toBe(true)
    expect(events.since('of-an-earlier-run').complete).toBe(false)
    expect(events.since('').events).toHaveLength(2)
  })

  it('displace no event of a device that waits for the receiver of a webhook', async () => {
    const settings: WebhookSettings = {
      url: 'https://receiver.example/',
      events: ['attached', 'refused'],
      devices: ['*'],
      secret: 'secret',
      timeout: 1_000,
      maxAge: 60_000,
      maxQueued: 10,
    }
    const sent: string[] = []
    let answer: (response: Response) => void = () => undefined
    const send = (async (_url: unknown, options: RequestInit) => {
      const { type, deviceId } = JSON.parse(options.body as string) as FleetEvent
      sent.push(`${type} ${deviceId}`)
      return new Promise<Response>((resolve) => (answer = resolve))
    }) as typeof fetch
    const ended = { delivered: 0, 'given-up': 0 }
    const webhook = createWebhook(settings, {
      fleet: { device: async () => undefined },
      log,
      metrics: { eventEnded: (outcome) => void (ended[outcome] += 1) },
      send,
    })
    const give = (type: 'attached' | 'refused', deviceId: string | null, number: number) =>
      webhook.take({ id: `run-${number}`, type, at: new Date().toISOString(), deviceId, details: {} })
    const settled = () => new Promise((resolve) => setImmediate(resolve))
    for (let at = 0; at < 8; at += 1) give('attached', `router${at}`, at)
    for (let at = 0; at < 50; at += 1) give('refused', null, 100 + at)
    give('attached', 'router8', 200)
    give('attached', 'router9', 201)
    give('refused', null, 202)
    await settled()
    expect(webhook.waiting()).toBe(10)
    for (let at = 0; at < 20; at += 1) {
      answer(new Response(null, { status: 204 }))
      await settled()
    }
    webhook.close()
    expect(sent).toEqual(Array.from({ length: 10 }, (_, at) => `attached router${at}`))
    expect(webhook.waiting()).toBe(0)
    expect(ended).toEqual({ delivered: 10, 'given-up': 51 })
  })
})
