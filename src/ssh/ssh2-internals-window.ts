/**
 * How much a device may send on each channel of its link before it hears from us. ssh2 grants 2 MiB again and again; on a link that several
 * sessions share, so much of one session's bulk reply stands in the way of another's small one. So on a shared link a channel is granted what
 * it takes in during a round trip and a few milliseconds more: enough to keep it flowing, little to stand behind.
 */
import type { Client, ClientChannel } from 'ssh2'

interface Insides {
  readonly _protocol: {
    channelWindowAdjust(id: number, octets: number): void
  }
}

interface ChannelInsides {
  readonly incoming: { window: number }
  readonly outgoing: { readonly id: number }
}

/** The credit that the channels of one link have. */
export interface LinkCredit {
  /** Octets that a channel is granted as it is opened. */
  readonly initialWindow: number
  /** Takes in a channel that was opened; `roundTrip` is how long the device took to say so, in milliseconds. */
  add(channel: ClientChannel, roundTrip: number): void
}

/** What ssh2 itself grants, and what a channel that is alone on its link gets. */
const largestWindow = 2 * 1024 * 1024
/** Four packets of 32 KiB: below that more time goes into granting than into data. */
const smallestWindow = 128 * 1024
/** Milliseconds of data, beyond a round trip, that one channel may have under way on a link that it shares. */
const tolerableDelay = 4

const credits = new WeakMap<Client, LinkCredit>()

/** The credit of a link, made as it is first asked for. */
export function creditOf(client: Client, now: () => number = () => performance.now()): LinkCredit {
  const known = credits.get(client)
  if (known !== undefined) return known
  const credit = createCredit(client, now)
  credits.set(client, credit)
  return credit
}

interface Flow {
  readonly channel: ChannelInsides
  grantedAt: number
  /** Octets that came since then. */
  window: number
}

function createCredit(client: Client, now: () => number): LinkCredit {
  const { _protocol: protocol } = client as unknown as Insides
  const grant = protocol.channelWindowAdjust.bind(protocol)
  const flows = new Map<number, Flow>()
  let roundTrip = Number.POSITIVE_INFINITY

  /** What a channel should have under way, from what came in since it was granted something last. */
  const wanted = (flow: Flow): number => {
    if (flows.size < 2) return largestWindow
    const elapsed = Math.max(now() - flow.grantedAt, 0.05)
    const rate = (flow.window - flow.channel.incoming.window) / elapsed
    // At most twice as much as last time, because a burst tells little of the rate.
    const most = Math.min(flow.window * 2, largestWindow)
    return Math.max(smallestWindow, Math.min(most, Math.round(rate * (roundTrip + tolerableDelay))))
  }

  // ssh2 has counted its own grant already when it calls this, after each packet below half of its window.
  protocol.channelWindowAdjust = (id, octets) => {
    const flow = flows.get(id)
    if (flow === undefined) return grant(id, octets)
    const { incoming } = flow.channel
    incoming.window -= octets
    if (incoming.window > flow.window / 2) return
    const window = wanted(flow)
    const more = window - incoming.window
    flow.grantedAt = now()
    flow.window = window
    if (more <= 0) return
    incoming.window = window
    grant(id, more)
  }

  return {
    initialWindow: smallestWindow,
    add: (opened, took) => {
      const channel = opened as unknown as ChannelInsides
      channel.incoming.window = smallestWindow
      roundTrip = Math.min(roundTrip, took)
      flows.set(channel.outgoing.id, { channel, grantedAt: now(), window: smallestWindow })
      opened.once('close', () => flows.delete(channel.outgoing.id))
    },
  }
}
