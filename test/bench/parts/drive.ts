/**
 * Has each of these work again and again, one piece after the other, all of them at once.
 * @param forMs milliseconds after which no more is begun
 */
export async function drive<T>(
  workers: readonly T[],
  forMs: number,
  work: (worker: T) => Promise<unknown>,
): Promise<{ readonly count: number; readonly perSecond: number }> {
  const began = performance.now()
  let count = 0
  await Promise.all(
    workers.map(async (worker) => {
      while (performance.now() - began < forMs) {
        await work(worker)
        count += 1
      }
    }),
  )
  return { count, perSecond: count / ((performance.now() - began) / 1000) }
}
