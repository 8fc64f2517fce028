import { PassThrough } from 'node:stream'
import type { ChannelOpening, ChannelRequest, Link, LinkEnd } from '../../../src/fleet/link.js'

/** A link without a connection below it, which does what a test tells it. */
export interface HandMadeLink extends Link {
  /** The requests for channels that it got. */
  readonly requests: ChannelRequest[]
  /** What ended it, once something did. */
  readonly endedBy: () => LinkEnd | undefined
  /** Ends the n-th channel that was opened on it, as the device does. */
  readonly closeChannel: (index: number) => void
}

export interface HandMadeLinkOptions {
  readonly deviceId?: string
  readonly source?: string
  readonly heldSessions?: number
  readonly stillProven?: () => boolean
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
  const requests: ChannelRequest[] = []
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
    software: 'test',
    heldSessions: options.heldSessions ?? 0,
    ended,
    requests,
    endedBy: () => end,
    closeChannel: (index) => closings[index]?.(),
    openChannel: (request) => {
      requests.push(request)
      return options.answer?.(request, link) ?? Promise.resolve(openChannel())
    },
    stillProven: options.stillProven ?? (() => true),
    end: (reason) => {
      end ??= reason
      settle(end)
    },
  }
  return link
}
