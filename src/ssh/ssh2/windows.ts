/**
 * How much a device may send on each channel of its link before it hears from us (RFC 4254 §5.2). ssh2 grants 2 MiB
 * again and again. On a link that several sessions share, so much of one session's bulk reply stands in the way of
 * another session's small one. So a channel of a shared link gets what keeps it flowing: its window is doubled while
 * the window is what limits it, and shrinks once data queues on the way.
 */
import type { Client, ClientChannel } from 'ssh2'
import { type ChannelInsides, inside, insideChannel } from './internals.js'

/** The credit that the channels of one link have. */
export interface LinkCredit {
  /** Bytes that a channel is granted which is opened now. */
  readonly initialWindow: () => number
  /**
   * Takes in a channel that was opened with such a window; `roundTrip` is how long the device took to say so, in
   * milliseconds.
   */
  readonly add: (channel: ClientChannel, opened: { readonly window: number; readonly roundTrip: number }) => void
}

export interface LinkProbe {
  /**
   * Asks the device for a sign of life, which comes behind all that it has queued; `answered` is called when it comes,
   * if ever.
   */
  readonly probe: (answered: () => void) => void
  /** Milliseconds on a clock that only goes forward. */
  readonly now?: () => number
}

/** What ssh2 itself grants, and what a channel that is alone on its link gets. */
const LARGEST_WINDOW = 2 * 1024 * 1024
/** Four packets of 32 KiB: below that more time goes into granting than into data. */
const SMALLEST_WINDOW = 128 * 1024
/** Milliseconds, beyond a round trip, that a probe may take on a shared link before windows shrink. */
const TOLERABLE_DELAY = 4
/** Milliseconds between two looks at a channel's rate, and between two probes, where the round trip is shorter. */
const SHORTEST_ROUND = 1
const SHORTEST_PROBE_INTERVAL = 10
/**
 * From this round trip on, in milliseconds, a device would idle if it heard of credit late, and doubling takes long to
 * get anywhere.
 */
const FAR = 2

/**
 * A window was the limit where this share of it came in a round trip. It grows fast until data queues, and in small
 * steps from then on.
 */
const GROWING_SHARE = 0.4
const SETTLED_SHARE = 0.7
const SETTLED_GROWTH = 1.125
/** A queue stands for some round trips; a moment in which somebody else had the processor is over at the next probe. */
const PROBES_REMEMBERED = 2

const credits = new WeakMap<Client, LinkCredit>()

/** The credit of a link, made as it is first asked for. */
export function creditOf(client: Client, probe: LinkProbe): LinkCredit {
  const known = credits.get(client)
  if (known !== undefined) return known
  const credit = createCredit(client, probe)
  credits.set(client, credit)
  return credit
}

interface Flow {
  readonly channel: ChannelInsides
  window: number
  /** Bytes that have come since `roundBegan`, and how many came in a round trip when that was last worked out. */
  came: number
  roundBegan: number
  perRoundTrip: number
  /** Data has queued behind what this channel had under way, so its window is near what the path takes. */
  settled: boolean
}

function createCredit(client: Client, { probe, now = () => performance.now() }: LinkProbe): LinkCredit {
  const { _protocol: protocol } = inside(client)
  const grant = protocol.channelWindowAdjust.bind(protocol)
  const flows = new Map<number, Flow>()
  const queue = createQueueingDelay(probe, now)

  /** How little may be left of a window before the device is granted more. */
  const grantBelow = ({ window }: Flow): number =>
    queue.roundTrip() < FAR ? window / 2 : window - Math.max(window / 16, SMALLEST_WINDOW / 4)

  /** What a channel should have under way from now on. */
  const nextWindow = (flow: Flow): number => {
    const elapsed = now() - flow.roundBegan
    const roundTrip = Math.max(queue.roundTrip(), SHORTEST_ROUND)
    if (elapsed >= roundTrip) {
      flow.perRoundTrip = (flow.came / elapsed) * roundTrip
      flow.came = 0
      flow.roundBegan = now()
    }
    if (flows.size < 2) return LARGEST_WINDOW
    queue.measure()
    // Within a round trip nothing is known yet of what the last change has done.
    if (elapsed < roundTrip) return flow.window
    // What a window holds beyond what a round trip takes in stands in the way; where it holds no more, the delay is of
    // another making.
    const own = (flow.window / Math.max(flow.perRoundTrip, 1) - 1) * roundTrip
    if (Math.min(queue.delay(), own) > TOLERABLE_DELAY) {
      flow.settled = true
      const busy = flow.perRoundTrip * (1 + TOLERABLE_DELAY / 2 / roundTrip)
      return Math.max(SMALLEST_WINDOW, Math.min(flow.window, Math.round(Math.max(busy, flow.window / 2))))
    }
    const limited = flow.perRoundTrip >= flow.window * (flow.settled ? SETTLED_SHARE : GROWING_SHARE)
    const factor = flow.settled ? SETTLED_GROWTH : roundTrip < FAR ? 2 : 4
    return limited ? Math.min(Math.round(flow.window * factor), LARGEST_WINDOW) : flow.window
  }

  const replenish = (id: number, flow: Flow): void => {
    const { incoming } = flow.channel
    flow.came += flow.window - incoming.window
    const window = nextWindow(flow)
    const more = window - incoming.window
    // A window that shrank counts from what the device still has of the larger one.
    flow.window = Math.max(window, incoming.window)
    if (more <= 0) return
    incoming.window = window
    grant(id, more)
  }

  // ssh2 has counted its own grant already when it calls this, after each packet below half of its window.
  protocol.channelWindowAdjust = (id, bytes) => {
    const flow = flows.get(id)
    if (flow === undefined) return grant(id, bytes)
    flow.channel.incoming.window -= bytes
    if (flow.channel.incoming.window <= grantBelow(flow)) replenish(id, flow)
  }

  /**
   * ssh2 asks for credit only below 1 MiB, which is too late on a far link: so each packet that somebody has room for
   * is looked at.
   */
  const watch = (opened: ClientChannel, id: number, flow: Flow): void => {
    const push = opened.push.bind(opened)
    opened.push = (data: Buffer | null) => {
      const room = push(data)
      const { incoming, outgoing } = flow.channel
      if (room && data !== null && incoming.window <= grantBelow(flow) && outgoing.state === 'open') replenish(id, flow)
      return room
    }
  }

  return {
    initialWindow: () => (flows.size === 0 ? LARGEST_WINDOW : SMALLEST_WINDOW),
    add: (opened, { window, roundTrip }) => {
      const channel = insideChannel(opened)
      channel.incoming.window = window
      queue.answeredAfter(roundTrip)
      const flow: Flow = { channel, window, came: 0, roundBegan: now(), perRoundTrip: 0, settled: false }
      flows.set(channel.outgoing.id, flow)
      watch(opened, channel.outgoing.id, flow)
      opened.once('close', () => flows.delete(channel.outgoing.id))
    },
  }
}

/** How long what a device sends now stands behind what it sent before. */
interface QueueingDelay {
  /** The least round trip that was seen, in milliseconds. */
  readonly roundTrip: () => number
  /** Milliseconds beyond that; 0 of a device that answers no probe. */
  readonly delay: () => number
  /** Sends a probe, unless one is under way or was a moment ago. */
  readonly measure: () => void
  readonly answeredAfter: (milliseconds: number) => void
}

function createQueueingDelay(probe: LinkProbe['probe'], now: () => number): QueueingDelay {
  let roundTrip = Number.POSITIVE_INFINITY
  let latest: readonly number[] = []
  let probeSentAt: number | undefined
  let probedAt = Number.NEGATIVE_INFINITY
  const answeredAfter = (milliseconds: number): void => {
    roundTrip = Math.min(roundTrip, milliseconds)
  }
  return {
    roundTrip: () => roundTrip,
    delay: () => {
      // A device that answers no probe tells nothing of its queue.
      if (latest.length === 0) return 0
      const waited = probeSentAt === undefined ? 0 : now() - probeSentAt
      return (
        Math.max(
          latest.reduce((least, one) => Math.min(least, one)),
          waited,
        ) - roundTrip
      )
    },
    measure: () => {
      if (probeSentAt !== undefined || now() - probedAt < Math.max(roundTrip, SHORTEST_PROBE_INTERVAL)) return
      const sentAt = now()
      probeSentAt = sentAt
      probedAt = sentAt
      probe(() => {
        probeSentAt = undefined
        const took = now() - sentAt
        answeredAfter(took)
        latest = [...latest.slice(1 - PROBES_REMEMBERED), took]
      })
    },
    answeredAfter,
  }
}
