/**
 * Reasons why calls are refused by the thousand when many come at once. They tell of the bridge and not of the device, so a line of the log and a write to the
 * store for each would cost more than the refusal; the metrics count all of them.
 */
const CROWD_REASONS: ReadonlySet<string> = new Set(['too-many-handshakes', 'too-many-from-source', 'queue-timeout'])

/** Whether a call was refused because of all the others that came with it. */
export function isCrowdRefusal({ reason }: { readonly reason: string }): boolean {
  return CROWD_REASONS.has(reason)
}
