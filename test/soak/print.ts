import type { Acknowledged } from './load.js'
import type { Tally } from './tally.js'
import type { Sample } from './watch.js'

interface Outcome {
  readonly tally: Tally
  readonly watch: readonly Sample[]
  /** After the warm-up, in the middle, at the end. */
  readonly rests: readonly { readonly heapMb: number; readonly descriptors: number }[]
  readonly acknowledged: Acknowledged
  readonly problems: readonly string[]
}

const MOST_PROBLEMS = 40

/** Says how it went, for people. */
export function print({ tally, watch, rests, acknowledged, problems }: Outcome): void {
  const lines = [
    '',
    `${'what'.padEnd(40)}${'done'.padStart(9)}${'excused'.padStart(9)}${'failed'.padStart(9)}`,
    ...tally
      .rows()
      .map(({ kind, done, excused, failed }) => `${kind.padEnd(40)}${cell(done)}${cell(excused)}${cell(failed)}`),
    '',
    `${'of the bridge'.padEnd(40)}${'first'.padStart(9)}${'median'.padStart(9)}${'last'.padStart(9)}${'most'.padStart(9)}`,
    row(
      'resident memory, MB',
      watch.map(({ residentMb }) => residentMb),
    ),
    row(
      'descriptors',
      watch.map(({ descriptors }) => descriptors),
    ),
    row(
      'CPU, % of one core',
      watch.map(({ cpu }) => cpu * 100),
    ),
    '',
    `at rest: heap ${rests.map(({ heapMb }) => heapMb.toFixed(1)).join(' → ')} MB, descriptors ${rests.map(({ descriptors }) => descriptors).join(' → ')}`,
    `acknowledged: ${acknowledged.messageIds.size} RPCs over SSH, ${sum([...acknowledged.overHttp.values()])} over HTTP, ${acknowledged.jobs.size} jobs, ${acknowledged.approvals.size} approvals`,
    '',
    problems.length === 0 ? 'nothing is missing, nothing grew, nothing failed that should not' : told(problems),
    '',
  ]
  process.stdout.write(lines.join('\n'))
}

function row(name: string, values: readonly number[]): string {
  const sorted = values.toSorted((one, other) => one - other)
  const shown = [values[0], sorted[sorted.length >> 1], values.at(-1), sorted.at(-1)]
  return `${name.padEnd(40)}${shown.map((value) => cell(Math.round(value ?? 0))).join('')}`
}

const cell = (value: number): string => String(value).padStart(9)
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** One cause may make very many of them. */
function told(problems: readonly string[]): string {
  const rest = problems.length - MOST_PROBLEMS
  return [...problems.slice(0, MOST_PROBLEMS), ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n')
}
