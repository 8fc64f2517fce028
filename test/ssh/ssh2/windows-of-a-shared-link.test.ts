import { EventEmitter } from 'node:events'
import type { Client, ClientChannel } from 'ssh2'
import { describe, expect, test } from 'vitest'
import { creditOf } from '../../../src/ssh/ssh2/windows.js'

const PACKET = 32 * 1024
const MIB = 1024 * 1024
/** Below this ssh2 asks for credit by itself, up to 2 MiB. */
const SSH2_THRESHOLD = MIB

describe('a bulk reply on a link', () => {
  test('that another session shares, 20 ms away, flows as fast as the path allows', () => {
    const { rate } = simulate({ roundTrip: 20, bytesPerMs: 80_000, sessions: 2, forMs: 2000 })
    expect(rate / 80_000).toBeGreaterThan(0.85)
  })

  test('that another session shares, 100 ms away, has what a window of 2 MiB allows', () => {
    const { rate } = simulate({ roundTrip: 100, bytesPerMs: 80_000, sessions: 2, forMs: 6000 })
    expect(rate / ((2 * MIB) / 100)).toBeGreaterThan(0.85)
  })

  test('that is alone, 20 ms away, is not held up by credit that comes late', () => {
    const { rate } = simulate({ roundTrip: 20, bytesPerMs: 80_000, sessions: 1, forMs: 2000 })
    expect(rate / 80_000).toBeGreaterThan(0.95)
  })

  test.each([0.2, 5, 20])(
    'that another session shares, %d ms away, queues no more than a few milliseconds',
    (roundTrip) => {
      const { worstDelay, rate } = simulate({ roundTrip, bytesPerMs: 20_000, sessions: 2, forMs: 4000 })
      // 128 KiB, the least that a channel has under way, take 6.5 ms on this path.
      expect(worstDelay).toBeLessThan(14)
      expect(rate / 20_000).toBeGreaterThan(0.8)
    },
  )

  test('of a device that answers no probe flows, too', () => {
    const { rate } = simulate({ roundTrip: 20, bytesPerMs: 80_000, sessions: 2, forMs: 3000, silent: true })
    expect(rate / 80_000).toBeGreaterThan(0.8)
  })

  test('never gets more credit than ssh2 grants', () => {
    const { mostCredit } = simulate({ roundTrip: 300, bytesPerMs: 200_000, sessions: 2, forMs: 9000 })
    expect(mostCredit).toBeLessThanOrEqual(2 * MIB)
  })
})

interface Path {
  readonly roundTrip: number
  readonly bytesPerMs: number
  readonly sessions: 1 | 2
  readonly forMs: number
  /** It answers no probe. */
  readonly silent?: boolean
}

/**
 * A device that always has more to send, a path with a rate and a round trip, and a reader that takes everything at
 * once, on a clock of its own. Whatever the device sends, answers to probes among it, waits behind what it sent before.
 * The second half of the time is looked at.
 */
function simulate({ roundTrip, bytesPerMs, sessions, forMs, silent = false }: Path) {
  let clock = 0
  const events: { at: number; run: () => void }[] = []
  const after = (ms: number, run: () => void): void => {
    const at = clock + ms
    const place = events.findLastIndex((one) => one.at <= at)
    events.splice(place + 1, 0, { at, run })
  }
  let credit = 0
  let mostCredit = 0
  let pathFreeAt = 0
  let received = 0
  let worstDelay = 0
  let sending = false
  const protocol = {
    channelWindowAdjust: (id: number, bytes: number) => {
      if (id !== 0) return
      after(roundTrip / 2, () => {
        credit += bytes
        mostCredit = Math.max(mostCredit, credit)
        send()
      })
    },
  }
  const client = { _protocol: protocol } as unknown as Client
  const links = creditOf(client, {
    now: () => clock,
    probe: (answered) => {
      if (silent) return
      after(roundTrip / 2, () => after(Math.max(pathFreeAt - clock, 0) + roundTrip / 2, answered))
    },
  })
  const open = (id: number) => {
    const window = links.initialWindow()
    const channel = Object.assign(new EventEmitter(), {
      incoming: { window },
      outgoing: { id, state: 'open' },
      push: (_data: Buffer | null) => true,
    })
    links.add(channel as unknown as ClientChannel, { window, roundTrip })
    return channel
  }
  if (sessions === 2) open(1)
  const bulk = open(0)
  credit = bulk.incoming.window
  const packet = Buffer.alloc(PACKET)
  const arrive = (bytes: number): void => {
    if (clock > forMs / 2) received += bytes
    bulk.incoming.window -= bytes
    expect(bulk.incoming.window).toBeGreaterThanOrEqual(0)
    bulk.push(packet.subarray(0, bytes))
    if (bulk.incoming.window > SSH2_THRESHOLD) return
    const more = 2 * MIB - bulk.incoming.window
    bulk.incoming.window += more
    protocol.channelWindowAdjust(0, more)
  }
  const send = (): void => {
    if (sending) return
    const bytes = Math.min(PACKET, credit)
    if (bytes === 0) return
    credit -= bytes
    // The device hands over to its kernel at once, as sshd does, so all that it may send stands on the way.
    const leaves = Math.max(pathFreeAt, clock)
    if (clock > forMs / 2) worstDelay = Math.max(worstDelay, leaves - clock)
    pathFreeAt = leaves + bytes / bytesPerMs
    after(pathFreeAt - clock + roundTrip / 2, () => arrive(bytes))
    sending = true
    after(0, () => {
      sending = false
      send()
    })
  }
  send()
  for (let next = events.shift(); next !== undefined && next.at <= forMs; next = events.shift()) {
    clock = next.at
    next.run()
  }
  return { rate: received / (forMs / 2), worstDelay, mostCredit }
}
