import type { Measured } from '../figure.js'
import { median } from './statistics.js'

/** Measures each subject in turn, `rounds` times over, so that what else the machine does falls on all alike. */
export async function takeTurns<Subject extends { readonly name: string }>(
  subjects: readonly Subject[],
  rounds: number,
  measure: (subject: Subject) => Promise<number>,
): Promise<readonly Measured[]> {
  const samples = new Map<string, number[]>(subjects.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1)
    for (const subject of subjects) samples.get(subject.name)?.push(await measure(subject))
  return [...samples].map(([path, taken]) => ({ path, value: median(taken), samples: taken }))
}

/** The value that was measured for a path. */
export function valueOf(measured: readonly Measured[], path: string): number {
  const found = measured.find((one) => one.path === path)
  if (found === undefined) throw new Error(`nothing was measured for ${path}`)
  return found.value
}
