/** What came of one check, from good to bad, or that it could not be made. */
export const VERDICTS = ['ok', 'not-checked', 'warning', 'failed'] as const
export type Verdict = (typeof VERDICTS)[number]

/** One thing that was looked at; nothing of it holds a secret. */
export interface Finding {
  readonly verdict: Verdict
  readonly message: string
  /** What to do about it, which may be a command to paste. */
  readonly hint?: string
}

export const ok = (message: string): Finding => ({ verdict: 'ok', message })
export const notChecked = (why: string, hint?: string): Finding => ({
  verdict: 'not-checked',
  message: why,
  ...(hint === undefined ? {} : { hint }),
})
export const warning = (message: string, hint: string): Finding => ({ verdict: 'warning', message, hint })
export const failed = (message: string, hint: string): Finding => ({ verdict: 'failed', message, hint })

/** What this user may not look at, and root may. */
export function onlyForRoot(why: string): Finding {
  return notChecked(why, process.getuid?.() === 0 ? undefined : 'run this with sudo')
}

/** What is wrong, or else that nothing is. */
export function orWell(findings: readonly Finding[], well: string): readonly Finding[] {
  return findings.length > 0 ? findings : [ok(well)]
}

/** The first of many alike, and how many more there are: a terminal is read by people. */
export function fewOf(findings: readonly Finding[], what: string, most = 10): readonly Finding[] {
  const [next, ...more] = findings.slice(most)
  if (next === undefined) return findings
  const worst = VERDICTS.findLast((verdict) => [next, ...more].some((one) => one.verdict === verdict)) ?? next.verdict
  return [...findings.slice(0, most), { ...next, verdict: worst, message: `and ${more.length + 1} more ${what}` }]
}
