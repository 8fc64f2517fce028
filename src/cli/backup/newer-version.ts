/** Whether a version is newer than another, by the numbers of both: `0.10.0` is newer than `0.9.3`. */
export function isNewer(version: string, than: string): boolean {
  const [ours, theirs] = [numbersOf(version), numbersOf(than)]
  for (let at = 0; at < Math.max(ours.length, theirs.length); at += 1) {
    const [a = 0, b = 0] = [ours[at], theirs[at]]
    if (a !== b) return a > b
  }
  return false
}

/** What follows a hyphen is of the same version. */
function numbersOf(version: string): readonly number[] {
  return (version.split('-')[0] ?? '').split('.').map((part) => (/^\d{1,9}$/.test(part) ? Number(part) : 0))
}
