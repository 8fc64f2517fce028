import { createSemaphore, type Semaphore } from './semaphore.js'

/**
 * A gate for each key, so that who crowds one keeps nobody from passing another. A gate that nobody uses is forgotten.
 */
export function createKeyedSemaphore(atOnce: number, waiting: number): (key: string) => Semaphore {
  const gates = new Map<string, { readonly pass: Semaphore; inside: number }>()
  return (key) => async (task) => {
    const gate = gates.get(key) ?? { pass: createSemaphore(atOnce, waiting), inside: 0 }
    gates.set(key, gate)
    gate.inside += 1
    try {
      return await gate.pass(task)
    } finally {
      gate.inside -= 1
      if (gate.inside === 0) gates.delete(key)
    }
  }
}
