import { PassThrough } from 'node:stream'
import type { DeviceChannel } from '../../../src/fleet/link.js'
import { type HandMadeLink, makeLink } from '../../fleet/support/hand-made-link.js'

/** The channel of a device that writes back what it is sent, and closes it when it is closed. */
export function echoingChannel(): { readonly channel: DeviceChannel; readonly isClosed: () => boolean } {
  let close: () => void = () => undefined
  let isClosed = false
  const closed = new Promise<object>((resolve) => {
    close = () => {
      isClosed = true
      resolve({})
    }
  })
  const nothing = (): void => undefined
  return {
    channel: {
      stream: new PassThrough(),
      standardError: new PassThrough(),
      closed,
      ended: () => false,
      terminalRefused: false,
      resize: nothing,
      signal: nothing,
      sendBreak: nothing,
      linkEnd: () => undefined,
      close,
    },
    isClosed: () => isClosed,
  }
}

/** The link of a device that has such channels. */
export function echoingLink(): HandMadeLink {
  return makeLink({ answer: async () => ({ ok: true, channel: echoingChannel().channel }) })
}
