import type { LinkEnd } from './link.js'

export const shutDown: LinkEnd = { reason: 'shutdown', message: 'the bridge is stopping' }

export const removed: LinkEnd = { reason: 'removed', message: 'the device was removed from the configuration' }

export const letGo: LinkEnd = { reason: 'let-go', message: 'its work is done, and it calls again by itself' }

export const noLongerProven: LinkEnd = {
  reason: 'no-longer-proven',
  message: 'the new configuration no longer trusts its host key',
}

export function channelsUnanswered(lost: number): LinkEnd {
  return { reason: 'channels-unanswered', message: `the device left ${lost} of its channels unanswered` }
}
