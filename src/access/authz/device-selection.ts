import { type SelectableDevice, selectsDevice } from './device-selector.js'

/**
 * Characters of a selector that somebody sends, which is about as long as a device id may be; those of the
 * configuration have no bound.
 */
export const MAX_SELECTOR = 256

/**
 * Whether any of many selectors selects a device, as `selectsDevice` says. Those without `*` and `?` are looked up,
 * however many they are.
 */
export function selectionOf(selectors: readonly string[]): (device: SelectableDevice) => boolean {
  const ids = new Set<string>()
  const labels = new Map<string, Set<string>>()
  const patterns = new Set<string>()
  for (const selector of selectors) {
    const equals = selector.indexOf('=')
    if (isPattern(selector)) patterns.add(selector)
    else if (equals === -1) ids.add(selector.toLowerCase())
    else {
      const label = selector.slice(0, equals)
      const values = labels.get(label) ?? new Set<string>()
      values.add(selector.slice(equals + 1).toLowerCase())
      labels.set(label, values)
    }
  }
  return (device) => {
    if (ids.has(device.id.toLowerCase())) return true
    for (const [label, values] of labels)
      if (Object.hasOwn(device.labels, label) && values.has(device.labels[label]?.toLowerCase() ?? '')) return true
    for (const pattern of patterns) if (selectsDevice(pattern, device)) return true
    return false
  }
}

/** Characters of the selectors that have to be held against every device. */
export function patternsIn(selectors: readonly string[]): number {
  return selectors.reduce((sum, selector) => sum + (isPattern(selector) ? selector.length : 0), 0)
}

/** Whether there is `*` or `?` in what is matched: in a label's name they mean themselves. */
function isPattern(selector: string): boolean {
  return /[*?]/.test(selector.slice(selector.indexOf('=') + 1))
}
