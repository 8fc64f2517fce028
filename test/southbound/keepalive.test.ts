import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createKeepalive } from '../../src/southbound/keepalive.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Something that answers its first probes. */
function probed(answers = Number.POSITIVE_INFINITY) {
  const seen = { probes: [] as number[], silentAt: undefined as number | undefined }
  const began = Date.now()
  return {
    seen,
    probe: (answered: () => void): void => {
      seen.probes.push(Date.now() - began)
      if (seen.probes.length <= answers) answered()
    },
    silent: (): void => {
      seen.silentAt = Date.now() - began
    },
  }
}

describe('a link', () => {
  it('is asked once in each interval', () => {
    const one = probed()
    createKeepalive().watch(one, 30_000, 3)
    vi.advanceTimersByTime(95_000)
    expect(one.seen.probes).toEqual([30_000, 60_000, 90_000])
  })

  it('is silent when so many probes in a row stay unanswered, and is asked no more', () => {
    const one = probed(2)
    createKeepalive().watch(one, 10_000, 3)
    vi.advanceTimersByTime(200_000)
    expect(one.seen.probes).toEqual([10_000, 20_000, 30_000, 40_000, 50_000])
    expect(one.seen.silentAt).toBe(60_000)
  })

  it('is not given up for some that stayed unanswered one by one', () => {
    const one = probed()
    let asked = 0
    const keepalive = createKeepalive()
    keepalive.watch(
      {
        probe: (answered) => {
          asked += 1
          if (asked % 3 === 0) answered()
        },
        silent: one.silent,
      },
      1_000,
      3,
    )
    vi.advanceTimersByTime(60_000)
    expect(one.seen.silentAt).toBeUndefined()
    expect(asked).toBe(60)
  })

  it('is asked no more once that was ended, and never where the interval is nothing', () => {
    const keepalive = createKeepalive()
    const [ended, never] = [probed(), probed()]
    const stop = keepalive.watch(ended, 1_000, 3)
    keepalive.watch(never, 0, 3)
    vi.advanceTimersByTime(2_500)
    stop()
    stop()
    vi.advanceTimersByTime(10_000)
    expect(ended.seen.probes).toHaveLength(2)
    expect(never.seen.probes).toHaveLength(0)
  })
})

it('links that come at different times are asked at different times, those that come together at once', () => {
  const keepalive = createKeepalive()
  const first = Array.from({ length: 3 }, () => probed())
  for (const one of first) keepalive.watch(one, 10_000, 3)
  vi.advanceTimersByTime(5_000)
  const second = probed()
  keepalive.watch(second, 10_000, 3)
  vi.advanceTimersByTime(10_000)
  expect(first.map(({ seen }) => seen.probes)).toEqual([[10_000], [10_000], [10_000]])
  expect(second.seen.probes).toEqual([10_000])
})

it('nothing is left running when no link is there', () => {
  const keepalive = createKeepalive()
  for (const stop of [keepalive.watch(probed(), 1_000, 3), keepalive.watch(probed(), 2_000, 3)]) stop()
  expect(vi.getTimerCount()).toBe(0)
})
