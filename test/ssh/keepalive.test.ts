import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SendState } from '../../src/lib/send-state.js'
import { createKeepalive, type KeepaliveTimes, type Silence } from '../../src/ssh/keepalive.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Bytes as a socket counts them. */
interface Counts {
  bytesRead: number
  bytesWritten: number
  writableLength: number
}

interface Other {
  /** Probes that it answers. */
  readonly answers?: number
  readonly awaitsReply?: () => boolean
  /** It is never asked itself. */
  readonly unasked?: true
}

/** Another side that answers its first probes. */
function otherSide({ answers = Number.POSITIVE_INFINITY, awaitsReply, unasked }: Other = {}) {
  const seen = { probes: [] as number[], silentAt: undefined as number | undefined, silence: undefined as unknown }
  const began = Date.now()
  const counts: Counts = { bytesRead: 0, bytesWritten: 0, writableLength: 0 }
  return {
    seen,
    counts,
    socket: counts as unknown as Socket,
    ...(awaitsReply === undefined ? {} : { awaitsReply }),
    ...(unasked
      ? {}
      : {
          probe: (): void => {
            seen.probes.push(Date.now() - began)
            if (seen.probes.length <= answers) counts.bytesRead += 32
          },
        }),
    silent: (silence: Silence): void => {
      seen.silentAt = Date.now() - began
      seen.silence = silence
    },
  }
}

/** A keepalive whose TCP says what a test lets it say. */
function keepaliveOver(say: () => SendState | undefined = () => 'acknowledged') {
  const tcp = { asked: 0 }
  const ask = async (): Promise<SendState | undefined> => {
    tcp.asked += 1
    return say()
  }
  return { ...createKeepalive(ask), tcp }
}

const every = (interval: number, countMax = 3): KeepaliveTimes => ({ interval, countMax, maxReplyWait: 600_000 })

describe('a connection', () => {
  it('is asked once in each interval', async () => {
    const one = otherSide()
    keepaliveOver().watch(one, every(30_000))
    await vi.advanceTimersByTimeAsync(95_000)
    expect(one.seen.probes).toEqual([30_000, 60_000, 90_000])
  })

  it('is silent when so many probes in a row stay unanswered, and is asked no more', async () => {
    const one = otherSide({ answers: 2 })
    keepaliveOver().watch(one, every(10_000))
    await vi.advanceTimersByTimeAsync(200_500)
    expect(one.seen.probes).toEqual([10_000, 20_000, 30_000, 40_000, 50_000])
    expect(one.seen.silentAt).toBe(60_001)
    expect(one.seen.silence).toBe('no-answer')
  })

  it('is alive by whatever comes from it, though it answers no probe', async () => {
    const one = otherSide({ answers: 0 })
    keepaliveOver().watch(one, every(1_000))
    const trickle = setInterval(() => (one.counts.bytesRead += 1), 2_500)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(one.seen.silentAt).toBeUndefined()
    clearInterval(trickle)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(one.seen.silentAt).toBeGreaterThan(120_000)
  })

  it('is alive as long as it takes in octets of ours, and silent once it takes none', async () => {
    const one = otherSide({ answers: 0 })
    one.counts.bytesWritten = 40_000
    one.counts.writableLength = 40_000
    keepaliveOver(() => 'not-read').watch(one, every(1_000))
    const drain = setInterval(() => (one.counts.writableLength -= 1_000), 1_000)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(one.seen.silentAt).toBeUndefined()
    clearInterval(drain)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(one.seen.silentAt).toBeDefined()
  })

  it('is not given up while TCP brings octets of ours to it', async () => {
    let state: SendState = 'under-way'
    const one = otherSide({ answers: 0 })
    keepaliveOver(() => state).watch(one, every(1_000))
    await vi.advanceTimersByTimeAsync(60_500)
    expect(one.seen.silentAt).toBeUndefined()
    state = 'acknowledged'
    await vi.advanceTimersByTimeAsync(1_000)
    expect(one.seen.silence).toBe('no-answer')
  })

  it('is not given up for what came while it was being judged', async () => {
    const one = otherSide({ answers: 0 })
    const keepalive = keepaliveOver(() => {
      one.counts.bytesRead += 1
      return 'acknowledged'
    })
    keepalive.watch(one, every(1_000))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(keepalive.tcp.asked).toBeGreaterThan(3)
    expect(one.seen.silentAt).toBeUndefined()
  })

  it('is asked no more once that was ended, and never where the interval is nothing', async () => {
    const keepalive = keepaliveOver()
    const [ended, never] = [otherSide({ answers: 0 }), otherSide()]
    const stop = keepalive.watch(ended, every(1_000))
    keepalive.watch(never, every(0))
    await vi.advanceTimersByTimeAsync(2_500)
    stop()
    stop()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(ended.seen.probes).toHaveLength(2)
    expect(ended.seen.silentAt).toBeUndefined()
    expect(never.seen.probes).toHaveLength(0)
  })

  it('that ends while TCP is being asked is not told of as silent', async () => {
    const one = otherSide({ answers: 0 })
    const stop = keepaliveOver(() => {
      stop()
      return 'unacknowledged'
    }).watch(one, every(1_000))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(one.seen.silentAt).toBeUndefined()
  })
})

describe('a connection on which somebody waits for a reply', () => {
  it('is kept while it is silent, until nobody waits any more', async () => {
    let waits = true
    const one = otherSide({ answers: 0, awaitsReply: () => waits })
    keepaliveOver().watch(one, every(1_000))
    await vi.advanceTimersByTimeAsync(300_500)
    expect(one.seen.silentAt).toBeUndefined()
    waits = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(one.seen.silence).toBe('no-answer')
  })

  it('is kept for a bounded time', async () => {
    const one = otherSide({ answers: 0, awaitsReply: () => true })
    keepaliveOver().watch(one, every(1_000))
    await vi.advanceTimersByTimeAsync(599_000)
    expect(one.seen.silentAt).toBeUndefined()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(one.seen.silence).toBe('no-answer')
  })

  it('is given up when TCP gets no acknowledgement, and gives TCP something to send until then', async () => {
    let state: SendState = 'acknowledged'
    const one = otherSide({ answers: 0, awaitsReply: () => true })
    keepaliveOver(() => state).watch(one, every(1_000))
    await vi.advanceTimersByTimeAsync(20_500)
    expect(one.seen.probes).toHaveLength(20)
    state = 'unacknowledged'
    await vi.advanceTimersByTimeAsync(1_000)
    expect(one.seen.silence).toBe('unacknowledged')
  })

  it('is kept where the system does not tell what TCP knows', async () => {
    const one = otherSide({ answers: 0, awaitsReply: () => true })
    keepaliveOver(() => undefined).watch(one, every(1_000))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(one.seen.silentAt).toBeUndefined()
  })
})

describe('a connection whose other side is never asked', () => {
  it('may be idle for ever, and TCP is asked once about what was sent', async () => {
    const one = otherSide({ unasked: true })
    one.counts.bytesWritten = 1_000
    const keepalive = keepaliveOver()
    keepalive.watch(one, every(30_000))
    await vi.advanceTimersByTimeAsync(86_400_000)
    expect(one.seen.silentAt).toBeUndefined()
    expect(keepalive.tcp.asked).toBe(1)
  })

  it('is given up when TCP gets no acknowledgement for what was sent since', async () => {
    let state: SendState = 'acknowledged'
    const one = otherSide({ unasked: true })
    keepaliveOver(() => state).watch(one, every(30_000))
    await vi.advanceTimersByTimeAsync(600_500)
    one.counts.bytesWritten += 1_000
    state = 'unacknowledged'
    await vi.advanceTimersByTimeAsync(30_000)
    expect(one.seen.silence).toBe('unacknowledged')
  })
})

it('those that come at different times are asked at different times, those that come together at once', async () => {
  const keepalive = keepaliveOver()
  const first = Array.from({ length: 3 }, () => otherSide())
  for (const one of first) keepalive.watch(one, every(10_000))
  await vi.advanceTimersByTimeAsync(5_000)
  const second = otherSide()
  keepalive.watch(second, every(10_000))
  await vi.advanceTimersByTimeAsync(10_000)
  expect(first.map(({ seen }) => seen.probes)).toEqual([[10_000], [10_000], [10_000]])
  expect(second.seen.probes).toEqual([10_000])
})

it('nothing is left running when no connection is there', () => {
  const keepalive = keepaliveOver()
  for (const stop of [keepalive.watch(otherSide(), every(1_000)), keepalive.watch(otherSide(), every(2_000))]) stop()
  expect(vi.getTimerCount()).toBe(0)
})
