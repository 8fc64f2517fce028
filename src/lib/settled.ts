/** A promise, and what settles it: for what ends at another place than where it is waited for. */
export interface Settled<T> {
  readonly promise: Promise<T>
  /** The first value counts. */
  readonly settle: (value: T) => void
}

export function settled<T>(): Settled<T> {
  let settle: Settled<T>['settle'] = () => undefined
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  return { promise, settle }
}
