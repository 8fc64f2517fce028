/**
 * We said no: a stable word for why (it stands in logs, metrics and answers), what happened, and what to do about it.
 */
export interface Refusal<Reason extends string = string> {
  readonly reason: Reason
  readonly message: string
  readonly hint: string
}

/**
 * Who learns of a refusal beside the log and the metrics: whoever was refused reads its message (`peer`), or is cut
 * off, or told in another way, without it (`nobody`).
 */
export type Told = 'peer' | 'nobody'

/** One reason in a catalogue. */
export interface RefusalEntry {
  readonly told: Told
  /** What is said: as it stands, or made of the facts of the case. */
  readonly text: object | ((...facts: never[]) => object)
}

export type RefusalEntries = Readonly<Record<string, RefusalEntry>>

export type ReasonOf<Entries extends RefusalEntries> = keyof Entries & string

type FactsOf<Entry extends RefusalEntry> = Entry['text'] extends (...facts: infer Facts) => object ? Facts : []
type TextOf<Entry extends RefusalEntry> = Entry['text'] extends (...facts: never[]) => infer Text ? Text : Entry['text']

/**
 * Makes the refusals of a catalogue: `refuse('queue-timeout', seconds)` is `{ reason: 'queue-timeout', message, hint
 * }`.
 */
export function refusalsBy<const Entries extends RefusalEntries>(entries: Entries) {
  return <Reason extends ReasonOf<Entries>>(
    reason: Reason,
    ...facts: FactsOf<Entries[Reason]>
  ): { readonly reason: Reason } & TextOf<Entries[Reason]> => {
    const { text } = entries[reason] as RefusalEntry
    const said = typeof text === 'function' ? text(...(facts as never[])) : text
    return { reason, ...(said as object) } as { readonly reason: Reason } & TextOf<Entries[Reason]>
  }
}

export function reasonsOf<Entries extends RefusalEntries>(entries: Entries): readonly ReasonOf<Entries>[] {
  return Object.keys(entries)
}

/** The text of a reason that whoever refuses finds both words for. */
export const asFound = (message: string, hint: string) => ({ message, hint })
