/** How many values the anchors of a text may multiply it to. */
export function nodeLimitOf(text: string): number {
  return Math.max(100_000, text.length * 10)
}
