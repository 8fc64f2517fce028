import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashedKnownHostsLine } from '../../../src/ssh/known-hosts.js'
import { knownHostsFor } from '../../../src/trust/ssh/known-hosts-for.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'
import { LONGEST_TURN, leastOfTurns, measureLoopTurns } from '../../support/loop-turn.js'
import { anchorsWith } from '../support/known-devices.js'

/** As many as take far longer than a turn may, compared with as many names. */
const HOSTS = 5_000
const attached = Array.from({ length: 12 }, (_, at) => `host${at}`)

let room: KeyRoom
let key: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  key = await room.key('device')
})
afterAll(() => room.remove())

describe('hashed names of a file that is read again', () => {
  const lineOf = (name: string): string => hashedKnownHostsLine(name, key.publicKey)
  const read = (lines: readonly string[]) => anchorsWith({ knownHosts: lines }).knownHosts
  const found = (entries: ReturnType<typeof read>, name: string): number => knownHostsFor(entries, [name]).length

  it('are compared with nobody again, and those that are new with everybody', async () => {
    const lines = Array.from({ length: HOSTS }, (_, at) => lineOf(`host${at}`))
    const first = read(lines)
    expect(attached.map((name) => found(first, name))).toEqual(attached.map(() => 1))
    expect(found(first, 'nobody')).toBe(0)
    const [, ...rest] = lines
    let again = first
    const turn = await leastOfTurns(async () => {
      // One line is gone, one is there twice, one host is new and one has a second line.
      again = read([...rest, lines[1] ?? '', lineOf('nobody'), lineOf('host2')])
      const turns = measureLoopTurns()
      await setImmediate()
      const counts = attached.map((name) => found(again, name))
      const newcomer = found(again, 'nobody')
      await setImmediate()
      const longest = turns.stop()
      expect(counts).toEqual([0, 2, 2, ...attached.slice(3).map(() => 1)])
      expect(newcomer).toBe(1)
      return longest
    })
    expect(turn).toBeLessThan(LONGEST_TURN)
    expect(found(again, 'host4999')).toBe(1)
    const third = read(lines)
    expect([...attached, 'nobody', 'host4999'].map((name) => found(third, name))).toEqual([
      ...attached.map(() => 1),
      0,
      1,
    ])
  })
})
