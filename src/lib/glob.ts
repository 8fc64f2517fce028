/**
 * Whether `*` (any characters, also none) and `?` (exactly one) in a pattern match a whole text, without regard to
 * case. Goes back to the last `*` only, so the work is bounded by the product of the lengths.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchesGlobInCase(pattern.toLowerCase(), text.toLowerCase())
}

/** The same with regard to case. */
export function matchesGlobInCase(pattern: string, text: string): boolean {
  const wanted = Array.from(pattern)
  const given = Array.from(text)
  let at = 0
  let read = 0
  let lastStar = -1
  let readAtStar = 0
  while (read < given.length) {
    if (wanted[at] === '*') {
      lastStar = at
      readAtStar = read
      at += 1
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === given[read])) {
      at += 1
      read += 1
    } else if (lastStar >= 0) {
      readAtStar += 1
      read = readAtStar
      at = lastStar + 1
    } else {
      return false
    }
  }
  return wanted.slice(at).every((unit) => unit === '*')
}
