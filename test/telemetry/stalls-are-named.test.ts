import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createStallLog } from '../../src/app/log-stalls.js'
import { workOn } from '../../src/lib/current-work.js'
import { type EventLoopStall, SHORTEST_STALL, watchForStalls } from '../../src/telemetry/event-loop-stalls.js'
import { createLog } from '../../src/telemetry/log.js'

let stop = (): void => undefined
afterEach(() => stop())

/** Keeps the event loop busy for that long. */
function work(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

/** The first stall after this turn; a machine that gives us no time makes others, which `wanted` may leave out. */
function nextStall(wanted: (stall: EventLoopStall) => boolean = () => true): Promise<EventLoopStall> {
  return new Promise((resolve) => {
    stop = watchForStalls((stall) => {
      if (wanted(stall)) resolve(stall)
    })
  })
}

describe('a stall of the event loop', () => {
  it('is told with what the loop worked on and for whom', async () => {
    const stalled = nextStall(({ work }) => work?.kind === 'handshake')
    await sleep(5)
    workOn({ kind: 'http', source: '192.0.2.2:2' })
    work(5)
    workOn({ kind: 'handshake', source: '192.0.2.1:1' })
    work(3 * SHORTEST_STALL)
    workOn({ kind: 'client', source: '192.0.2.3:3' })
    const { milliseconds, work: named } = await stalled
    expect(milliseconds).toBeGreaterThanOrEqual(3 * SHORTEST_STALL)
    expect(named).toEqual({ kind: 'handshake', source: '192.0.2.1:1' })
  })

  it('made of many small pieces is no single one’s', async () => {
    const stalled = nextStall(({ milliseconds }) => milliseconds > 3 * SHORTEST_STALL)
    await sleep(5)
    for (let piece = 0; piece < 80; piece += 1) {
      workOn({ kind: 'link', source: `192.0.2.1:${piece}` })
      work(5)
    }
    expect((await stalled).work).toBeUndefined()
  })

  it('tells that the loop waited for the machine', async () => {
    const stalled = nextStall(({ milliseconds }) => milliseconds > 4 * SHORTEST_STALL)
    await sleep(5)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 * SHORTEST_STALL)
    const { milliseconds, cpuMilliseconds } = await stalled
    expect(cpuMilliseconds).toBeLessThan(milliseconds / 2)
  })
})

describe('an event loop with nothing to do', () => {
  it('does not stall', async () => {
    const idle: EventLoopStall[] = []
    stop = watchForStalls((stall) => idle.push(stall))
    await sleep(4 * SHORTEST_STALL)
    // A busy machine may have held the whole process up, but then it did nothing either.
    expect(idle.filter(({ cpuMilliseconds }) => cpuMilliseconds > SHORTEST_STALL)).toEqual([])
  })
})

describe('the log', () => {
  it('names what stalled, and counts what came too soon after a line', () => {
    const lines: Record<string, unknown>[] = []
    const log = createLog(
      { level: 'info', format: 'json' },
      { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    )
    let now = 0
    const tell = createStallLog(log, () => now)
    const stall = { milliseconds: 412.4, cpuMilliseconds: 405, work: { kind: 'handshake', source: '192.0.2.1:1' } }
    tell(stall)
    now = 9_000
    tell(stall)
    tell(stall)
    now = 10_000
    tell({ milliseconds: 300, cpuMilliseconds: 20, work: undefined })
    expect(lines).toMatchObject([
      { level: 'warn', work: 'handshake', source: '192.0.2.1:1', milliseconds: 412, cpuMilliseconds: 405 },
      { level: 'warn', work: 'many', untoldBefore: 2, hint: expect.stringContaining('the disk of data-dir') as string },
    ])
  })
})
