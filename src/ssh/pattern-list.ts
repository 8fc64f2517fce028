/**
 * Whether a text fits a pattern of ssh_config(5) PATTERNS, where `*` stands for any number of characters and `?` for one. Case does not matter.
 * Takes time of the order of both lengths multiplied, whatever the pattern.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  const [p, t] = [pattern.toLowerCase(), text.toLowerCase()]
  let at = 0
  let star = -1
  let starAt = 0
  let i = 0
  while (i < t.length) {
    if (p[at] === '*') {
      star = at++
      starAt = i
    } else if (at < p.length && (p[at] === '?' || p[at] === t[i])) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++starAt
    } else return false
  }
  while (p[at] === '*') at++
  return at === p.length
}

/**
 * Whether a text fits a list of patterns: at least one, and none of those that begin with `!`.
 * So a list of negated patterns alone fits nothing (ssh_config(5)).
 */
export function matchesPatternList(patterns: readonly string[], text: string): boolean {
  let fits = false
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(pattern.slice(1), text)) return false
    } else fits ||= matchesPattern(pattern, text)
  }
  return fits
}
