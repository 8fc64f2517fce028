import type { ClientChannel } from 'ssh2'
import type { DeviceChannel, LinkEnd } from '../fleet/link.js'
import { inBackground } from '../lib/background.js'
import type { Exit } from '../ssh/session-channel.js'
import { peerHasClosed, peerHasEnded } from '../ssh/ssh2/channels.js'
import { governFlow } from '../ssh/ssh2/flow-control.js'
import type { OpenedSession } from '../ssh/ssh2/open-session.js'
import { controlsOf } from '../ssh/ssh2/session-requests.js'

/** What the channels need of their link. */
export interface LinkOfChannels {
  /** What tells of each channel whether somebody waits for a reply on it. */
  readonly awaited: Set<() => boolean>
  /** Why the link ended, once it did. */
  readonly over: () => LinkEnd | undefined
}

/**
 * A session's channel that was opened over SSH, on a device or on the node that has its link.
 * @param watchClose calls `gaveUp` when the other side does not close a channel that the bridge has closed
 */
export function sshDeviceChannel(
  { channel, terminalRefused }: OpenedSession,
  { awaited, over }: LinkOfChannels,
  watchClose: (channel: ClientChannel, gaveUp: () => void) => void,
): DeviceChannel {
  governFlow(channel)
  let exit: Exit | undefined
  let waitsHere: (() => boolean) | undefined
  const waitNoMore = (): void => {
    if (waitsHere !== undefined) awaited.delete(waitsHere)
  }
  const exited = new Promise<Exit>((resolve) => {
    channel.once('exit', (status: number | null, signal?: string, coreDumped?: unknown, description?: string) => {
      if (typeof status === 'number') exit = { status }
      else if (signal !== undefined)
        exit = {
          signal: signal.replace(/^SIG/, ''),
          message: description ?? '',
          ...(coreDumped === true ? { coreDumped } : {}),
        }
      if (exit !== undefined) resolve(exit)
    })
  })
  // ssh2 tells of the close of each of the two once all of it was read, and a slow reader of standard error may come
  // last.
  const closeOf = (stream: NodeJS.ReadableStream) => new Promise((resolve) => stream.once('close', resolve))
  const closed = new Promise<{ readonly exit?: Exit }>((resolve) => {
    const settle = (): void => resolve(exit === undefined ? {} : { exit })
    inBackground('link', Promise.all([closeOf(channel), closeOf(channel.stderr)]).then(settle))
    const close = channel.close.bind(channel)
    let closing = false
    channel.close = (...rest: Parameters<typeof close>) => {
      waitNoMore()
      close(...rest)
      if (closing || peerHasClosed(channel)) return
      closing = true
      watchClose(channel, () => {
        // Nobody reads what the device still sends on this channel.
        channel.resume()
        channel.stderr.resume()
        settle()
      })
    }
  })
  return {
    stream: channel,
    standardError: channel.stderr,
    closed,
    exited,
    ended: () => peerHasEnded(channel),
    terminalRefused,
    ...controlsOf(channel),
    linkEnd: over,
    awaitReply: (waits) => {
      if (waitsHere === undefined) channel.once('close', waitNoMore)
      waitNoMore()
      waitsHere = waits
      awaited.add(waits)
    },
    close: () => channel.close(),
  }
}
