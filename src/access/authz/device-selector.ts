import { matchesGlob } from '../../lib/glob.js'

/** What a selector looks at. */
export interface SelectableDevice {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Whether a selector matches a device: `edge-*` its id, `site=tok*` the value of its label `site`. The part before the
 * first `=` is the exact name of a label; the rest, and the id, match without regard to case.
 */
export function selectsDevice(selector: string, device: SelectableDevice): boolean {
  const equals = selector.indexOf('=')
  if (equals === -1) return matchesGlob(selector, device.id)
  const label = selector.slice(0, equals)
  const value = Object.hasOwn(device.labels, label) ? device.labels[label] : undefined
  return value !== undefined && matchesGlob(selector.slice(equals + 1), value)
}

/** The names of the labels that selectors look at. */
export function labelNamesIn(selectors: readonly string[]): ReadonlySet<string> {
  return new Set(selectors.flatMap((selector) => selector.match(/^([^=]*)=/)?.[1] ?? []))
}

/** Whether one of several selectors matches every device there may be. */
export function selectEverything(selectors: readonly string[]): boolean {
  return selectors.some((selector) => /^\*+$/.test(selector))
}
