import type { Socket } from 'node:net'
import { inBackground } from '../lib/background.js'
import { type AskSendState, createSendStates } from '../lib/send-state.js'

/** A connection whose other side may be gone without a word. */
export interface Watched {
  readonly socket: Pick<Socket, 'bytesRead' | 'bytesWritten' | 'writableLength'>
  /** Asks the other side for any answer; without it TCP alone judges. */
  readonly probe?: () => void
  /** Whether somebody waits for what the other side is to say, which may take it a long time. */
  readonly awaitsReply?: () => boolean
  /** Told once, when the other side is taken for gone. */
  readonly silent: (silence: Silence) => void
}

/**
 * - `no-answer`: its kernel may be there, but nothing came in answer to so many probes.
 * - `unacknowledged`: TCP sent the same bytes again and again, and not even the kernel of the other side answered.
 */
export type Silence = 'no-answer' | 'unacknowledged'

/** Times in milliseconds. */
export interface KeepaliveTimes {
  /** Between two probes; 0 watches nothing. */
  readonly interval: number
  /** Probes that may stay unanswered. */
  readonly countMax: number
  /** How long somebody may wait for a reply while nothing at all comes. */
  readonly maxReplyWait: number
}

/**
 * Keepalives of all connections. Whatever comes from the other side is a sign of life, as for OpenSSH's
 * ServerAliveInterval, and so are bytes of ours that it takes in. Probes that are due within a fifth of a second are
 * sent together: the processor then does the same for many devices in a row, which costs a third of doing it for each
 * at a moment of its own.
 */
export interface Keepalive {
  /** Watches from now on; the first probe goes out when an interval has passed. Returns what ends it. */
  readonly watch: (watched: Watched, times: KeepaliveTimes) => () => void
}

/** Milliseconds in which probes are gathered. */
const TICK = 200

/** @param askSendState what TCP knows of a connection; asked only where probes stayed unanswered */
export function createKeepalive(
  askSendState: AskSendState = createSendStates(),
  now: () => number = () => performance.now(),
): Keepalive {
  const wheels = new Map<number, Wheel>()
  return {
    watch: (watched, times) => {
      const { interval } = times
      if (interval === 0) return () => undefined
      const wheel = wheels.get(interval) ?? createWheel(interval, () => wheels.delete(interval))
      wheels.set(interval, wheel)
      return watchOne(watched, times, { wheel, askSendState, now })
    },
  }
}

/** What all watches with the same interval share. */
interface WatchMeans {
  readonly wheel: Wheel
  readonly askSendState: AskSendState
  readonly now: () => number
}

function watchOne(
  { socket, probe, awaitsReply, silent }: Watched,
  { countMax, maxReplyWait }: KeepaliveTimes,
  { wheel, askSendState, now }: WatchMeans,
): () => void {
  let unanswered = 0
  let heardAt = now()
  let read = socket.bytesRead
  let sent = sentOn(socket)
  let backlog = socket.writableLength
  /** What had been sent when TCP said that the other side has all of it: then there is nothing more to ask TCP. */
  let acknowledged: number | undefined
  let asking = false

  /** Whether the other side gave a sign of life since this was asked last. */
  const heard = (): boolean => {
    const sentNow = sentOn(socket)
    const alive = socket.bytesRead !== read || (backlog > 0 && sentNow > sent)
    read = socket.bytesRead
    sent = sentNow
    backlog = socket.writableLength
    if (!alive) return false
    unanswered = 0
    heardAt = now()
    return true
  }
  const due = (): void => {
    heard()
    if (unanswered < countMax) {
      unanswered += 1
      return ask()
    }
    if (asking || (probe === undefined && acknowledged === sent)) return
    asking = true
    // The event loop turns before that: what came while it was busy with something else has been read then.
    setImmediate(askTcp)
  }
  const ask = (): void => {
    // Behind bytes that wait for the socket, a probe would tell nothing that they do not.
    if (socket.writableLength === 0) probe?.()
  }
  const askTcp = (): void => {
    inBackground('link', askSendState(socket as Socket).then(judge))
  }
  const judge = (state: Awaited<ReturnType<AskSendState>>): void => {
    asking = false
    if (stopped || heard() || state === 'under-way') return
    if (state === 'unacknowledged') return giveUp('unacknowledged')
    if (state === 'acknowledged') acknowledged = sent
    if (probe === undefined) return
    const waits = awaitsReply?.() === true && now() - heardAt < maxReplyWait
    if (!waits) return giveUp('no-answer')
    // The probe is no longer for the other side, but for TCP: without bytes under way it would notice late that the
    // path is dead.
    if (state !== 'not-read') ask()
  }
  const giveUp = (silence: Silence): void => {
    stop()
    silent(silence)
  }

  let stopped = false
  const remove = wheel.add(due)
  const stop = (): void => {
    stopped = true
    remove()
  }
  return stop
}

/** Bytes that left this process. */
function sentOn({ bytesWritten, writableLength }: Watched['socket']): number {
  return bytesWritten - writableLength
}

interface Wheel {
  /** Calls once in each turn of the wheel, first when a whole turn has passed. */
  readonly add: (due: () => void) => () => void
}

/** Slots that come round once in an interval. It turns only while something is on it. */
function createWheel(interval: number, onEmpty: () => void): Wheel {
  const slots = Array.from({ length: Math.max(1, Math.round(interval / TICK)) }, () => new Set<() => void>())
  let count = 0
  let at = 0
  const timer = setInterval(() => {
    at = (at + 1) % slots.length
    // Who is added while these are called has its turn in the next one.
    for (const due of Array.from(slots[at] ?? [])) due()
  }, interval / slots.length)
  timer.unref()

  return {
    add: (due) => {
      const slot = slots[at]
      slot?.add(due)
      count += 1
      return () => {
        if (slot?.delete(due) !== true) return
        count -= 1
        if (count > 0) return
        clearInterval(timer)
        onEmpty()
      }
    },
  }
}
