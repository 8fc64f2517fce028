/** Something that reads what strangers send, and what must hold whatever that is. */
export interface Target {
  readonly name: string
  /** In a few words, for `--list`. */
  readonly about: string
  /** Words of the format, which mutations put in. */
  readonly words: readonly (string | Buffer)[]
  /** Bytes of an input at most; default 16 KiB. */
  readonly maxSize?: number
  /** How much of the time it gets, where the others get 1. */
  readonly weight?: number
  /** Milliseconds of CPU time that an input may take; `LONGEST_TURN` unless no stranger can send one. */
  readonly longestTurn?: number
  /** It talks to a bridge in a process of its own: slow, and found by no coverage. */
  readonly remote?: true
  readonly start: () => Promise<Subject> | Subject
}

/** A target that was started. */
export interface Subject {
  /** Takes an input; throws, or rejects, where something does not hold. */
  readonly take: (input: Buffer) => void | Promise<void>
  /** Says what must hold after all inputs, and ends what was started. */
  readonly stop?: () => Promise<void>
}

/** Fails where something does not hold. */
export function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

/** The same as text: equal for equal values, Buffers and bigints included. */
export function told(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one)) ?? String(value)
}

/** Fails where two values differ. */
export function same(one: unknown, other: unknown, what: string): void {
  const [first, second] = [told(one), told(other)]
  holds(first === second, `${what}:\n  ${first.slice(0, 2000)}\n  ${second.slice(0, 2000)}`)
}
