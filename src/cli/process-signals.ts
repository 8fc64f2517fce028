/**
 * What the system tells this process, heeded from the first moment on: each of these signals ends a process that has
 * not asked for it, whatever it was about to do.
 */
export interface ProcessSignals {
  /** The next that stops; at once where one has come that nobody has taken. */
  readonly nextStop: () => Promise<NodeJS.Signals>
  /** Has each SIGHUP told from now on, and once where one has come before. */
  readonly onHangUp: (listener: () => void) => void
  /** Heeds none of them any more. */
  readonly close: () => void
}

/** What is done to this process; a test gives another. */
type Process = Pick<NodeJS.Process, 'on' | 'off' | 'kill' | 'pid'>

/**
 * Takes SIGTERM, SIGINT and SIGHUP, which `stops`, too, or is told by itself. A stop that comes while another one has
 * not been taken yet ends the process as it would without this: somebody is in a hurry.
 */
export function watchSignals(hangUp: 'stops' | 'is-told', own: Process = process): ProcessSignals {
  const stops: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', ...(hangUp === 'stops' ? ['SIGHUP' as const] : [])]
  const come: NodeJS.Signals[] = []
  const waiting: ((signal: NodeJS.Signals) => void)[] = []
  let hungUp = false
  let listener: (() => void) | undefined

  const stop = (signal: NodeJS.Signals): void => {
    const take = waiting.shift()
    if (take !== undefined) return take(signal)
    if (come.length === 0) return void come.push(signal)
    close()
    own.kill(own.pid, signal)
  }
  const tell = (): void => {
    if (listener === undefined) hungUp = true
    else listener()
  }
  const close = (): void => {
    for (const signal of stops) own.off(signal, stop)
    own.off('SIGHUP', tell)
  }
  for (const signal of stops) own.on(signal, stop)
  if (hangUp === 'is-told') own.on('SIGHUP', tell)
  return {
    nextStop: async () => come.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    onHangUp: (next) => {
      listener = next
      if (hungUp) next()
      hungUp = false
    },
    close,
  }
}
