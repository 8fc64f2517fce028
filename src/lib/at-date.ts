/** The longest time that a timer of Node.js can wait, in milliseconds: a longer one would go off at once. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Calls `due` once at a date, however far away, and not before. Returns what takes it back. It keeps no process alive.
 */
export function atDate(date: Date, due: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = (): void => {
    const left = date.getTime() - Date.now()
    timer = setTimeout(left > 0 ? wait : due, Math.max(0, Math.min(left, LONGEST_TIMER))).unref()
  }
  wait()
  return () => clearTimeout(timer)
}
