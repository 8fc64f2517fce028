import { PassThrough } from 'node:stream'
import type { ChannelLoss, ChannelOpening, Link, LinkCapacity, LinkEnd } from '../../../src/fleet/link.js'
import type { ChannelRequest } from '../../../src/ssh/session-channel.js'

/** A link without a connection below it, which does what a test tells it. */
export interface HandMadeLink extends Link {
  /** The requests for channels that it got. */
  readonly requests: ChannelRequest[]
  /** Whom they were for; undefined for the bridge itself. */
  readonly users: (string | undefined)[]
  /** What ended it, once something did. */
  readonly endedBy: () => LinkEnd | undefined
  /** Ends the n-th channel that was opened on it, as the device does. */
  readonly closeChannel: (index: number) => void
  /** Leaves a channel unanswered, as the device does. */
  readonly loseChannel: (loss?: ChannelLoss) => void
}

export interface HandMadeLinkOptions {
  readonly deviceId?: string
  readonly source?: string
  readonly software?: string
  readonly certificateValidUntil?: string
  /** The name of the credentials that it was logged in with. */
  readonly account?: string
  readonly capacity?: LinkCapacity
  /** Whether the device answers when it is asked whether it is there. */
  readonly answersProbes?: () => boolean
  readonly unansweredFor?: () => number | undefined
  readonly stillProven?: () => boolean
  /** Whether sessions of users are opened as themselves. */
  readonly perUser?: () => boolean
  /** Whether the device has ended its side of a channel. */
  readonly ended?: () => boolean
  /** Answers a request for a channel; a channel where it gives nothing. */
  readonly answer?: (request: ChannelRequest, link: HandMadeLink) => Promise<ChannelOpening> | undefined
}

export function makeLink(options: HandMadeLinkOptions = {}): HandMadeLink {
  let end: LinkEnd | undefined
  let settle: (end: LinkEnd) => void = () => undefined
  const ended = new Promise<LinkEnd>((resolve) => {
    settle = resolve
  })
  let lost = 0
  let tellLost: ((loss: ChannelLoss) => void) | undefined
  const requests: ChannelRequest[] = []
  const users: (string | undefined)[] = []
  const closings: (() => void)[] = []
  const openChannel = (): ChannelOpening => {
    const closed = new Promise<object>((resolve) => closings.push(() => resolve({})))
    void ended.then(() => closings.forEach((close) => close()))
    return {
      ok: true,
      channel: {
        stream: new PassThrough(),
        standardError: new PassThrough(),
        closed,
        ended: options.ended ?? (() => false),
        terminalRefused: false,
        resize: () => undefined,
        signal: () => undefined,
        sendBreak: () => undefined,
        linkEnd: () => end,
        close: () => undefined,
      },
    }
  }
  const link: HandMadeLink = {
    deviceId: options.deviceId ?? 'router1',
    source: options.source ?? '192.0.2.1:1000',
    hostKeyFingerprint: 'SHA256:x',
    software: options.software ?? 'test',
    provenBy: options.certificateValidUntil === undefined ? 'pin' : 'certificate',
    ...(options.certificateValidUntil === undefined ? {} : { certificateValidUntil: options.certificateValidUntil }),
    ...(options.account === undefined ? {} : { account: options.account }),
    capacity: options.capacity ?? {},
    ended,
    requests,
    users,
    ...(options.perUser === undefined ? {} : { perUser: options.perUser }),
    endedBy: () => end,
    closeChannel: (index) => closings[index]?.(),
    openChannel: (request, user) => {
      requests.push(request)
      users.push(user)
      return options.answer?.(request, link) ?? Promise.resolve(openChannel())
    },
    lostChannels: () => lost,
    onChannelLost: (listener) => {
      tellLost = listener
    },
    loseChannel: (loss = 'close') => {
      lost += 1
      tellLost?.(loss)
    },
    probe: () => (options.answersProbes?.() === true ? Promise.resolve() : new Promise(() => undefined)),
    ...(options.unansweredFor === undefined ? {} : { unansweredFor: options.unansweredFor }),
    stillProven: options.stillProven ?? (() => true),
    end: (reason) => {
      end ??= reason
      settle(end)
    },
  }
  return link
}
