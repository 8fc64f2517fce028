/**
 * What a thread died of. An error that is not made by the engine itself, as those of libsql are not, comes out of its
 * thread as an object that lacks the message, and what is thrown may be no error at all.
 */
export function whyThreadEnded(error: unknown): string {
  const { message, code } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly message?: unknown
    readonly code?: unknown
  }
  const said = [message, code].find((each): each is string => typeof each === 'string' && each !== '')
  return said ?? (typeof error === 'string' ? error : 'it did not say why')
}
