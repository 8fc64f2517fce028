/** How long ago something was, in words that stay short: `7 s ago`, `12 min ago`, `3 h ago`, `5 d ago`. */
export function ago(milliseconds: number): string {
  return `${howLong(milliseconds)} ago`
}

/** The same of a time that goes on: `7 s`, `12 min`, `3 h`, `5 d`. */
export function howLong(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  const [size, unit] = UNITS.find(([, , below]) => seconds < below) ?? LONGEST
  return `${Math.floor(seconds / size)} ${unit}`
}

const UNITS = [
  [1, 's', 120],
  [60, 'min', 7_200],
  [3_600, 'h', 172_800],
] as const
const LONGEST = [86_400, 'd'] as const
