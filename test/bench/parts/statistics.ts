/** The middle of the samples, the mean of the two middle ones of an even number. */
export function median(samples: readonly number[]): number {
  return percentile(samples, 50)
}

/** The value below which so many percent of the samples lie, interpolated between the two nearest. */
export function percentile(samples: readonly number[], percent: number): number {
  if (samples.length === 0) throw new Error('no samples')
  const sorted = samples.toSorted((a, b) => a - b)
  const at = ((sorted.length - 1) * percent) / 100
  const below = sorted[Math.floor(at)] ?? 0
  const above = sorted[Math.ceil(at)] ?? 0
  return below + (above - below) * (at - Math.floor(at))
}
