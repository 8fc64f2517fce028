/**
 * Whether a list of patterns fits: at least one does, and none of those that begin with `!`.
 * So a list of negated patterns alone fits nothing (ssh_config(5)).
 * @param fits asked of each pattern, without its `!`
 */
export function patternListFits(patterns: readonly string[], fits: (pattern: string) => boolean): boolean {
  let found = false
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (fits(pattern.slice(1))) return false
    } else found ||= fits(pattern)
  }
  return found
}
