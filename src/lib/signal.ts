/** Something that happens again and again, and whoever wants to hear of it. */
export interface Signal<What = void> {
  readonly emit: (what: What) => void
  /** Has a listener called each time, after those that came before it. */
  readonly on: (listener: (what: What) => void) => void
}

/** For what is made before those who follow it: the one who makes it emits, and whoever is made later listens. */
export function createSignal<What = void>(): Signal<What> {
  const listeners: ((what: What) => void)[] = []
  return {
    emit: (what) => {
      for (const listener of listeners) listener(what)
    },
    on: (listener) => void listeners.push(listener),
  }
}
