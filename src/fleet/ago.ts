/** How long ago something was, in words that stay short: `7 s ago`, `12 min ago`, `3 h ago`, `5 d ago`. */
export function ago(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  const [size, unit] = UNITS.find(([, , below]) => seconds < below) ?? LONGEST
  return `${Math.floor(seconds / size)} ${unit} ago`
}

const UNITS = [
  [1, 's', 120],
  [60, 'min', 7_200],
  [3_600, 'h', 172_800],
] as const
const LONGEST = [86_400, 'd'] as const
