import { describe, expect, it } from 'vitest'
import { createClaims } from '../../src/cluster/claims.js'
import { SYSTEM_CLOCK } from '../../src/cluster/cluster-clock.js'
import { createDirectory } from '../../src/cluster/directory.js'
import { type ClaimRelease, type ClaimWant, type ClusterEngine, EngineFailure } from '../../src/cluster/engine.js'
import type { PeerMessage } from '../../src/cluster/peer-messages.js'

const life = { node: 'a', incarnation: 1 }
const lost = { reason: 'lost', message: 'the device closed the connection' } as const

/** A clock whose timers run when the test says so. */
function handWoundClock() {
  const timers = new Set<() => void>()
  return {
    clock: {
      ...SYSTEM_CLOCK,
      after: (_milliseconds: number, then: () => void) => {
        timers.add(then)
        return () => void timers.delete(then)
      },
    },
    /** Runs those that wait. */
    wind: () => {
      for (const then of Array.from(timers)) {
        timers.delete(then)
        then()
      }
    },
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Claims on an engine that notes what it is asked, and fails while it is away. */
function makeClaims() {
  const statements: (readonly ClaimWant[])[] = []
  const releases: (readonly ClaimRelease[])[] = []
  const told: PeerMessage[] = []
  let isAway = false
  const orFail = <T>(value: T): Promise<T> =>
    isAway ? Promise.reject(new EngineFailure('the engine is away', 'wait')) : Promise.resolve(value)
  const engine: Pick<ClusterEngine, 'claim' | 'release' | 'find' | 'naming'> = {
    claim: (_life, wants) => {
      if (!isAway) statements.push(wants)
      return orFail(wants.map(({ deviceId }) => ({ deviceId, epoch: 1 })))
    },
    release: (_life, some) => {
      if (!isAway) releases.push(some)
      return orFail(undefined)
    },
    find: () => orFail([]),
    naming: () => orFail([]),
  }
  const { clock, wind } = handWoundClock()
  const claims = createClaims({
    life,
    engine,
    clock,
    engineNow: () => 1_000,
    tell: (message) => told.push(message),
    handOver: () => 'ended',
    knownEpoch: () => 0,
    learn: () => undefined,
    verified: () => undefined,
  })
  return {
    claims,
    statements,
    releases,
    told,
    wind,
    goAway: (away: boolean) => {
      isAway = away
    },
  }
}

describe('claims', () => {
  it('are made in statements of 500 devices at most, each of what gathered while the last one ran', async () => {
    const { claims, statements } = makeClaims()
    for (let at = 0; at < 1_201; at += 1) claims.attached(`device-${at}`, '192.0.2.1:1')
    for (let turns = 0; turns < 10; turns += 1) await turn()
    expect(statements.map(({ length }) => length)).toEqual([1, 500, 500, 200])
    expect(claims.list()).toHaveLength(1_201)
  })

  it('are made again, once each, when an engine is back that was away for long', async () => {
    const { claims, statements, wind, goAway } = makeClaims()
    goAway(true)
    claims.attached('router1', '192.0.2.1:1')
    await turn()
    for (let tries = 0; tries < 20; tries += 1) {
      wind()
      await turn()
      await turn()
    }
    expect(claims.engineFails()).toBe(true)
    goAway(false)
    wind()
    for (let turns = 0; turns < 10; turns += 1) await turn()
    expect(statements.map((wants) => wants.map(({ deviceId }) => deviceId))).toEqual([['router1']])
    expect(claims.engineFails()).toBe(false)
  })

  it('of what was lost while the engine was away are remembered for 10,000 devices', async () => {
    const { claims, releases, wind, goAway } = makeClaims()
    for (let at = 0; at < 10_500; at += 1) claims.attached(`device-${at}`, '192.0.2.1:1')
    for (let turns = 0; turns < 60; turns += 1) await turn()
    goAway(true)
    for (let at = 0; at < 10_500; at += 1) claims.detached(`device-${at}`, lost)
    await turn()
    await turn()
    goAway(false)
    wind()
    for (let turns = 0; turns < 60; turns += 1) await turn()
    expect(releases.flat()).toHaveLength(10_000)
    expect(claims.list()).toEqual([])
  })
})

describe('the directory', () => {
  const engine = { find: () => Promise.reject(new EngineFailure('the engine is away', 'wait')) }
  const peer = { node: 'b', incarnation: 7 }

  it('remembers no more devices than it may, and forgets the one that it learned of first', async () => {
    const directory = createDirectory({ life, engine, clock: SYSTEM_CLOCK, reached: () => peer, maxKnown: 3 })
    for (const deviceId of ['r1', 'r2', 'r3', 'r4']) directory.learn({ deviceId, holder: peer, epoch: 1, provenAt: 1 })
    expect(directory.size()).toBe(3)
    expect(await directory.find('r1')).toEqual({ kind: 'nowhere' })
    expect(await directory.find('r4')).toEqual({ kind: 'at', holder: { ...peer, epoch: 1 } })
  })

  it('knows no end of a link that began after it, and no beginning after its end', async () => {
    const directory = createDirectory({ life, engine, clock: SYSTEM_CLOCK, reached: () => peer })
    const ended = { at: 5, ...lost }
    directory.learn({ deviceId: 'r1', epoch: 1, provenAt: 1, ended })
    directory.learn({ deviceId: 'r1', holder: peer, epoch: 0, provenAt: 1 })
    expect(await directory.find('r1')).toEqual({ kind: 'nowhere', ended })
    directory.learn({ deviceId: 'r1', holder: peer, epoch: 0, provenAt: 2 })
    directory.learn({ deviceId: 'r1', epoch: 1, provenAt: 1, ended })
    expect(await directory.find('r1')).toEqual({ kind: 'at', holder: { ...peer, epoch: 0 } })
    // Of what its engine has lost, a device may have a smaller epoch than before; the greatest one is remembered.
    directory.learn({ deviceId: 'r1', holder: peer, epoch: 9, provenAt: 3 })
    directory.learn({ deviceId: 'r1', holder: peer, epoch: 4, provenAt: 4 })
    expect(await directory.find('r1')).toMatchObject({ holder: { epoch: 4 } })
    expect(directory.knownEpoch('r1')).toBe(9)
  })

  it('asks the engine while somebody waits, and no longer', async () => {
    const asked: (readonly string[])[] = []
    const { clock, wind } = handWoundClock()
    const directory = createDirectory({
      life,
      engine: {
        find: (ids) => {
          asked.push(ids)
          return Promise.resolve([])
        },
      },
      clock,
      reached: () => peer,
    })
    const stop = [directory.watch('r1', () => undefined), directory.watch('r1', () => undefined)]
    wind()
    await turn()
    wind()
    await turn()
    expect(asked).toEqual([['r1'], ['r1']])
    for (const end of stop) end()
    wind()
    await turn()
    wind()
    await turn()
    expect(asked).toHaveLength(2)
  })
})
