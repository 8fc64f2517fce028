const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `823 B`, `1.4 MiB`. */
export function readableSize(bytes: number): string {
  let [value, at] = [bytes, 0]
  while (value >= 1024 && at < UNITS.length - 1) [value, at] = [value / 1024, at + 1]
  return `${at === 0 ? value : value.toFixed(1)} ${UNITS[at]}`
}
