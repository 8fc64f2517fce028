import type { HeldSession } from '../../../src/fleet/held-session.js'

/** A held session without a device, which keeps what it was asked. */
export interface HandMadeHeldSession extends HeldSession {
  readonly asked: ('give way' | 'come back')[]
}

/** @param givesWay whether there is one to end */
export function makeHeldSession(givesWay = true): HandMadeHeldSession {
  const asked: HandMadeHeldSession['asked'] = []
  let open = givesWay
  return {
    asked,
    view: () => ({ state: open ? 'open' : 'gave-way', endedAtOnce: 0 }),
    giveWay: async () => {
      asked.push('give way')
      const was = open
      open = false
      return was
    },
    comeBack: () => {
      asked.push('come back')
      open = givesWay
    },
  }
}
