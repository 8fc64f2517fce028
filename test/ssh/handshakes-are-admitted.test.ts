import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Rank } from '../../src/net/fair-queue.js'
import { type AdmissionLimits, type Call, createAdmission } from '../../src/ssh/admission.js'

const limits: AdmissionLimits = {
  maxConcurrentHandshakes: 2,
  maxHandshakes: 6,
  maxQueuedHandshakes: 20,
  queueTimeout: 1_000,
}
const stays = new AbortController().signal

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** An admission whose work is done at once. */
function makeAdmission(changed: Partial<AdmissionLimits> = {}) {
  const admission = createAdmission({ ...limits, ...changed }, { now: Date.now, slicer: (work) => work() })
  const begun: string[] = []
  const dial = (name: string, network = name, rank: Rank = 'expected', gone = stays): Call => {
    const entry = admission.enter(network, false)
    if (!entry.ok) throw new Error(entry.cause)
    void entry.call.queue(rank, gone).then((outcome) => begun.push(outcome === 'begun' ? name : `${name} ${outcome}`))
    return entry.call
  }
  const settled = () => vi.advanceTimersByTimeAsync(0)
  return { admission, begun, dial, settled }
}

describe('handshakes', () => {
  it('begin at once where there is a place, and one by one as places are left', async () => {
    const { admission, begun, dial, settled } = makeAdmission()
    const [first] = ['a', 'b', 'c', 'd'].map((name) => dial(name))
    await settled()
    expect(begun).toEqual(['a', 'b'])
    expect(admission.counts).toEqual({ arriving: 0, queued: 2, running: 2, waiting: 0, pending: 0 })
    first?.leave()
    await settled()
    expect(begun).toEqual(['a', 'b', 'c'])
  })

  it('of slow devices lend their places, and have them back before anybody new', async () => {
    const { admission, begun, dial } = makeAdmission({ maxConcurrentHandshakes: 1 })
    const slow = dial('slow')
    dial('b')
    dial('c')
    // Nothing comes from the slow one, nor from whoever has its place then.
    await vi.advanceTimersByTimeAsync(6)
    expect(begun).toEqual(['slow', 'b'])
    expect(admission.counts).toMatchObject({ running: 1, waiting: 1, queued: 1 })
    const done: string[] = []
    slow.work(() => done.push('slow'))
    expect(done).toEqual([])
    await vi.advanceTimersByTimeAsync(6)
    expect([done, begun]).toEqual([['slow'], ['slow', 'b']])
    await vi.advanceTimersByTimeAsync(6)
    expect(begun).toEqual(['slow', 'b', 'c'])
  })

  it('of one silent source never take all that may have begun', async () => {
    const { admission, begun, dial } = makeAdmission()
    for (let at = 0; at < 10; at += 1) dial(`silent${at}`, 'hostile', 'familiar')
    await vi.advanceTimersByTimeAsync(100)
    expect(begun).toHaveLength(4)
    dial('honest', 'elsewhere', 'stranger')
    await vi.advanceTimersByTimeAsync(10)
    expect(begun.at(-1)).toBe('honest')
    expect(admission.counts).toMatchObject({ queued: 6 })
  })

  it('that wait too long, or whose device went away, leave the queue', async () => {
    const { admission, begun, dial, settled } = makeAdmission({ maxConcurrentHandshakes: 1, maxHandshakes: 1 })
    const gone = new AbortController()
    const calls = [dial('a'), dial('b'), dial('c', 'c', 'expected', gone.signal)]
    gone.abort()
    await vi.advanceTimersByTimeAsync(limits.queueTimeout)
    expect(begun).toEqual(['a', 'c gone', 'b timeout'])
    for (const call of calls) call.leave()
    await settled()
    expect(admission.counts).toEqual({ arriving: 0, queued: 0, running: 0, waiting: 0, pending: 0 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('of pending devices take no place', async () => {
    const { admission, begun, dial, settled } = makeAdmission({ maxConcurrentHandshakes: 1, maxHandshakes: 1 })
    const pending = dial('pending')
    await settled()
    let decide: () => void = () => undefined
    const decided = pending.suspended(() => new Promise<void>((resolve) => (decide = resolve)))
    dial('b')
    await settled()
    expect(begun).toEqual(['pending', 'b'])
    expect(admission.counts).toMatchObject({ running: 1, pending: 1 })
    decide()
    await decided
    expect(admission.counts).toMatchObject({ running: 1, waiting: 1, pending: 0 })
    pending.leave()
    expect(admission.counts).toMatchObject({ running: 1, waiting: 0 })
  })

  it('of pending devices are counted as nothing else, also while they send something', async () => {
    const { admission, dial, settled } = makeAdmission()
    const pending = dial('pending')
    await settled()
    void pending.suspended(() => new Promise(() => undefined))
    pending.work(() => undefined)
    await settled()
    expect(admission.counts).toEqual({ arriving: 0, queued: 0, running: 0, waiting: 0, pending: 1 })
  })

  it('that are over do no more work', async () => {
    const { dial, settled } = makeAdmission()
    const call = dial('a')
    await settled()
    call.leave()
    const done: string[] = []
    call.work(() => done.push('late'))
    await vi.advanceTimersByTimeAsync(100)
    expect(done).toEqual([])
  })
})

describe('a connection', () => {
  it('is refused before anything was read of it once there is no room, and no source takes all of it', () => {
    const { admission } = makeAdmission({ maxQueuedHandshakes: 20 })
    const enter = (network: string, familiar = false) => {
      const entry = admission.enter(network, familiar)
      return entry.ok ? 'taken' : entry.cause
    }
    const flood = Array.from({ length: 20 }, () => enter('hostile'))
    expect(flood.filter((outcome) => outcome === 'taken')).toHaveLength(14)
    expect(flood.at(-1)).toBe('too-many-from-source')
    expect(enter('elsewhere')).toBe('taken')
    // What is left is for those from where a device was attached before.
    expect(enter('third')).toBe('too-many-handshakes')
    expect(enter('home', true)).toBe('taken')
    expect(admission.counts).toMatchObject({ arriving: 16 })
  })

  it('that has sent nothing for a while gives way to a source that has none, once there is no room', async () => {
    const { admission } = makeAdmission({ maxQueuedHandshakes: 8 })
    const gaveWay: string[] = []
    const enter = (network: string) => admission.enter(network, false, () => gaveWay.push(network)).ok
    const taken = Array.from({ length: 20 }, (_, at) => `bot${at}`).filter(enter)
    expect(taken).toHaveLength(6)
    expect(enter('honest')).toBe(false)
    await vi.advanceTimersByTimeAsync(2_000)
    expect([enter('honest'), gaveWay]).toEqual([true, ['bot0']])
    // Whoever has one already makes nobody give way.
    expect([enter('bot1'), gaveWay]).toEqual([false, ['bot0']])
    expect(admission.counts).toMatchObject({ arriving: 6 })
  })

  it('whose handshake waits for its place gives way to nobody', async () => {
    const { admission } = makeAdmission({ maxQueuedHandshakes: 4, maxHandshakes: 1, queueTimeout: 10_000 })
    const enter = (network: string) => admission.enter(network, false)
    for (const network of ['a', 'b', 'c', 'd']) {
      const entry = enter(network)
      if (entry.ok) void entry.call.queue('stranger', stays)
    }
    await vi.advanceTimersByTimeAsync(3_000)
    expect(admission.counts).toMatchObject({ running: 1, queued: 3 })
    expect(enter('e').ok).toBe(false)
  })

  it('has room again once a new configuration gives some', () => {
    const { admission } = makeAdmission({ maxQueuedHandshakes: 1 })
    admission.enter('a', true)
    expect(admission.enter('b', true).ok).toBe(false)
    admission.configure(limits)
    expect(admission.enter('b', true).ok).toBe(true)
  })
})
