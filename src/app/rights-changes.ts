import { createSignal } from '../lib/signal.js'

/** Tells that what rights are made of has changed: tokens, users, roles, keys, the labels of devices. */
export interface RightsChanges {
  /** Something has changed. Whoever follows is told in a moment, once for all that changes together. */
  readonly noteChange: () => void
  /** Has somebody ask anew whether the rights still hold of what goes on. */
  readonly onChange: (recheck: () => void) => void
}

export function createRightsChanges(): RightsChanges {
  const changed = createSignal()
  let soon: NodeJS.Immediate | undefined
  return {
    noteChange: () => {
      soon ??= setImmediate(() => {
        soon = undefined
        changed.emit()
      })
    },
    onChange: changed.on,
  }
}
