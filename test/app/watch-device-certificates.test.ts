import { afterEach, expect, it, vi } from 'vitest'
import { createShutdown } from '../../src/app/stop-bridge.js'
import { watchDeviceCertificates } from '../../src/app/watch-device-certificates.js'
import type { Readings } from '../../src/telemetry/metrics.js'
import { makeLink } from '../fleet/support/hand-made-link.js'
import { makeFleet, router } from '../fleet/support/test-fleet.js'
import { recordedLog } from '../northbound/http/recorded-log.js'

const DAY = 86_400_000

afterEach(() => vi.useRealTimers())

it('devices whose host certificates end soon are named once a day, the first is measured, and those gone are not', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  const ids = ['never', 'late', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6']
  const { fleet } = makeFleet(ids.map((id) => router(id)))
  const { log, lines } = recordedLog()
  const shutdown = createShutdown(log)
  let read: () => Partial<Readings> | Promise<Partial<Readings>> = () => ({})
  watchDeviceCertificates({ log, shutdown, measure: (reading) => void (read = reading) }, fleet)
  const daily = async (): Promise<readonly unknown[]> => {
    const before = lines().length
    vi.advanceTimersByTime(DAY)
    await fleet.devices()
    await Promise.resolve()
    return lines().slice(before)
  }

  expect((await read()).deviceCertificateSeconds).toBeUndefined()
  const until = (days: number): string => new Date(Date.now() + days * DAY).toISOString()
  const attach = (deviceId: string, days?: number) => {
    const link = makeLink({ deviceId, ...(days === undefined ? {} : { certificateValidUntil: until(days) }) })
    fleet.attach(link)
    return link
  }
  attach('never')
  attach('late', 100)
  expect((await read()).deviceCertificateSeconds).toBeCloseTo(100 * 86_400, -1)
  expect((await read()).links).toBe(2)
  expect(await daily()).toEqual([])

  const ending = [1, 2, 3, 4, 5, 6].map((day) => attach(`d${day}`, day + 2))
  expect((await read()).deviceCertificateSeconds).toBeCloseTo(3 * 86_400, -1)
  expect(await daily()).toEqual([
    expect.objectContaining({
      level: 'warn',
      deviceId: 'd1',
      devices: 6,
      msg: expect.stringMatching(/end: d1, d2, d3, d4, d5, …; that of d1 expires in 2 days/) as string,
      hint: expect.stringContaining('ca sign-host') as string,
    }),
  ])
  for (const link of ending) link.end({ reason: 'lost', message: 'gone' })
  await Promise.resolve()
  await vi.waitFor(async () => expect((await fleet.counts()).links).toBe(2))
  expect(await daily()).toEqual([])
  await shutdown.stop({ drainTimeout: 0 })
})
