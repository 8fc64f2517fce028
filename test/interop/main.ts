/*
 * `npm run test:interop`: every SSH there is, as a device and as a client of a bridge. Fails where one of them does
 * something else than its description says, and where docs/interoperability.md has another table than the run gives;
 * with `--write` it writes that table. Words choose peers by parts of their names.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { inParallel } from '../e2e/support/http-api.js'
import { CLIENTS } from './clients/clients.js'
import { tryClient } from './clients/try-client.js'
import { DEVICES } from './devices/devices.js'
import { tryDevice } from './devices/try-device.js'
import { endOpenSsh10 } from './parts/openssh-10.js'
import { linesOf, type Side, tablesOf, withoutVersions, withTables } from './table.js'
import { type Outcome, type Peer, type PeerOutcomes, surprisesOf, TRIALS } from './trial.js'

/** As many peers are tried at a time; they wait more than they work. */
const AT_ONCE = 4
/** The release of Debian whose versions the page has. */
const RELEASE = 12

const OUT_OF_DATE = 'docs/interoperability.md says something else; `npm run test:interop -- --write` writes it'
const page = join(import.meta.dirname, '../../docs/interoperability.md')

interface Task {
  readonly side: 'device' | 'client'
  readonly peer: Peer
  readonly run: () => Promise<readonly Outcome[]>
}

const tasks: readonly Task[] = [
  ...DEVICES.map((peer): Task => ({ side: 'device', peer, run: () => tryDevice(peer) })),
  ...CLIENTS.map((peer): Task => ({ side: 'client', peer, run: () => tryClient(peer) })),
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
})
process.exit(await main(positionals, values))

async function main(words: readonly string[], { write, list }: { write: boolean; list: boolean }): Promise<number> {
  const chosen = tasks.filter(({ side, peer }) => {
    const name = `${side} ${peer.name}`
    return words.length === 0 || words.some((word) => name.includes(word))
  })
  if (list || chosen.length === 0) {
    process.stdout.write(tasks.map(({ side, peer }) => `${side} ${peer.name}\n`).join(''))
    return list ? 0 : 2
  }
  const results = new Map<Task, PeerOutcomes>()
  const faults: string[] = []
  await inParallel(chosen.length, AT_ONCE, async (number) => {
    const task = chosen[number]
    if (task !== undefined) await tryOne(task, results, faults)
  })
  await endOpenSsh10()
  const complete = chosen.length === tasks.length && faults.length === 0
  faults.push(...[...results.values()].flatMap(surprisesOf))
  if (faults.length === 0) faults.push(...pageFaults(results, { complete, write }))
  process.stdout.write(
    faults.length === 0 ? `${chosen.length} peers, as described\n` : faults.map((fault) => `FAULT ${fault}\n`).join(''),
  )
  return faults.length === 0 ? 0 : 1
}

async function tryOne(task: Task, results: Map<Task, PeerOutcomes>, faults: string[]): Promise<void> {
  const { side, peer, run } = task
  const begun = performance.now()
  try {
    const [version, outcomes] = [await peer.version(), await run()]
    results.set(task, { peer, version, outcomes })
    const seconds = ((performance.now() - begun) / 1000).toFixed(0)
    const marks = outcomes.map(
      ({ trial, went, seconds: took }) => `${went === 'well' ? '' : `${went}: `}${TRIALS[trial]} ${took.toFixed(1)}`,
    )
    process.stdout.write(`${side} ${peer.name} ${version}, ${seconds} s: ${marks.join(', ')}\n`)
  } catch (error) {
    faults.push(`${side} ${peer.name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** What is wrong with the page; none where it was written, or where other versions than its own were tried. */
function pageFaults(
  results: ReadonlyMap<Task, PeerOutcomes>,
  { complete, write }: { readonly complete: boolean; readonly write: boolean },
): readonly string[] {
  const on = (wanted: Task['side']): readonly PeerOutcomes[] =>
    tasks.flatMap((task) => (task.side === wanted ? (results.get(task) ?? []) : []))
  const sides: readonly Side[] = [
    { heading: 'As devices', peers: on('device') },
    { heading: 'As clients', peers: on('client') },
  ]
  const text = readFileSync(page, 'utf8')
  if (complete && write) {
    writeFileSync(page, withTables(text, tablesOf(sides)))
    return []
  }
  if (Number.parseInt(readFileSync('/etc/debian_version', 'utf8'), 10) !== RELEASE) return []
  const tables = tablesOf(sides)
  if (complete) return withoutVersions(text) === withoutVersions(withTables(text, tables)) ? [] : [OUT_OF_DATE]
  // Some of the peers: their lines have to be there.
  return sides
    .flatMap(({ peers }) => peers)
    .flatMap((each) => linesOf(withoutVersions(tables), each))
    .filter((line) => !withoutVersions(text).includes(line))
    .map((line) => `${OUT_OF_DATE}: ${line}`)
}
