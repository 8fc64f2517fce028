/** A function in whose place another can be put. */
export interface Swappable<Arguments extends readonly unknown[], Result> {
  /** Whoever keeps this keeps alive what the function of the moment needs, and nothing else. */
  readonly call: (...given: Arguments) => Result
  readonly replace: (next: (...given: Arguments) => Result) => void
}

/** For those who take a function and keep it for good, though its surroundings are needed for a while only. */
export function swappable<Arguments extends readonly unknown[], Result>(
  first: (...given: Arguments) => Result,
): Swappable<Arguments, Result> {
  let current = first
  return {
    call: (...given) => current(...given),
    replace: (next) => {
      current = next
    },
  }
}
