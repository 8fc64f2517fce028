import { vi } from 'vitest'

/** Waits until nothing of `check` throws, on a machine that may be busy with something else. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 10 })
}
