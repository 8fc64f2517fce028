/*
 * `npm run soak`: hours of a busy bridge in minutes. Ends with status 1 where a session failed that should not,
 * something grew, or something acknowledged is missing.
 */
import { setMaxListeners } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeTempDir } from '../e2e/parts/temp-dir.js'
import { waitFor } from '../e2e/parts/wait-for.js'
import { type ConfigFile, reportsOnSignal, type RunningBridge, startBridge } from '../e2e/support/bridge.js'
import { askBridge } from '../e2e/support/ask-bridge.js'
import { metricsOf } from '../e2e/support/metrics.js'
import { opsUser } from '../e2e/support/users.js'
import { DEVICE_LOGIN, VIEWER } from '../fuzz/parts/attacked-bridge.js'
import { createRandom } from '../fuzz/random.js'
import { fillDisk, mountOwn, unmountOwn } from '../store/own-file-system.js'
import { createFleet, GROUPS, type SoakFleet } from './fleet.js'
import { createAcknowledged, type Stage, startLoad } from './load.js'
import { print } from './print.js'
import { createTally } from './tally.js'
import { missing } from './verify.js'
import { descriptorsOf, watchProcess } from './watch.js'

/** What the heap may be larger at the end than in the middle, both after a collection and without clients. */
const MOST_GROWTH_MB = 5

/** Descriptors that may be more: files of the store that are open for a moment. */
const MOST_DESCRIPTORS = 6

/** Share of the time after which heap and descriptors are looked at for the first time. */
const WARM_UP = 0.25

/** How long a disk is full, and until when failures that come of it may be seen. */
const FULL_DISK = 10_000
const RECOVERY = 15_000

/** Room for what the audit log gathers, some 7 MB a minute, and as much again for its index. */
const diskFor = (minutes: number): string => `${256 + Math.ceil(minutes) * 20}m`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    devices: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
  },
})
process.exitCode = await main(Number(values.minutes), Number(values.devices), Number(values.seed))

async function main(minutes: number, devices: number, seed: number): Promise<number> {
  if (!(minutes > 0) || !(devices > 0) || !Number.isInteger(seed)) {
    process.stderr.write('npm run soak -- [--minutes N] [--devices N] [--seed S]\n')
    return 2
  }
  const say = (text: string): void => void process.stdout.write(`${new Date().toISOString()} ${text}\n`)
  say(`${minutes} min, ${devices} devices, seed ${seed}`)
  const random = createRandom(seed)
  const directory = await makeTempDir('soak')
  const data = join(directory.path, 'data')
  await mkdir(data)
  await mountOwn(data, diskFor(minutes))
  const fleet = createFleet(devices, join(directory.path, 'keys'))
  await mkdir(join(directory.path, 'keys'))
  const tally = createTally()
  const config = (more: readonly string[] = []): ConfigFile => configuration(fleet, more)
  let bridge = await startBridge(config(), { directory: directory.path, nodeArguments: reportsOnSignal })
  const problems: string[] = []
  try {
    const pid = bridge.process.pid ?? 0
    await fleet.start(bridge.callHomePort)
    await allAttached(bridge, fleet)
    say('all devices are attached')
    const length = minutes * 60_000
    await runLoad({ bridge, fleet, tally, random, acknowledged: createAcknowledged() }, length * WARM_UP, (stopping) =>
      warmUp(bridge, fleet, config, length * WARM_UP, stopping),
    )
    const first = await atRest(bridge, fleet, pid)
    say(`after the warm-up: heap ${first.heapMb.toFixed(1)} MB, ${first.descriptors} descriptors`)

    const watch = watchProcess(pid)
    const acknowledged = createAcknowledged()
    const half = (length * (1 - WARM_UP)) / 2
    const run = (disk: 'full once' | 'with room') =>
      runLoad({ bridge, fleet, tally, random, acknowledged }, half, (stopping) =>
        disturb({ bridge, fleet, tally, config, say, ...(disk === 'full once' ? { data } : {}) }, half, stopping),
      )
    await run('full once')
    const middle = await atRest(bridge, fleet, pid)
    say(`in the middle: heap ${middle.heapMb.toFixed(1)} MB, ${middle.descriptors} descriptors`)
    await run('with room')
    watch.stop()
    const last = await atRest(bridge, fleet, pid)
    say(`at the end: heap ${last.heapMb.toFixed(1)} MB, ${last.descriptors} descriptors`)
    // What is kept up to a bound comes to it in the first half; what grows on is a leak.
    if (last.heapMb > middle.heapMb + MOST_GROWTH_MB)
      problems.push(`the heap grew from ${middle.heapMb.toFixed(1)} to ${last.heapMb.toFixed(1)} MB`)
    if (last.descriptors > first.descriptors + MOST_DESCRIPTORS)
      problems.push(`descriptors grew from ${first.descriptors} to ${last.descriptors}`)

    problems.push(...(await missing(bridge, acknowledged)))
    await bridge.stop()
    bridge = await startBridge(config(), { directory: directory.path })
    problems.push(...(await missing(bridge, acknowledged)).map((what) => `after a restart: ${what}`))
    problems.push(...tally.failures)
    print({ tally, watch: watch.samples, rests: [first, middle, last], acknowledged, problems })
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error), ...tally.failures)
    say(problems.join('\n'))
    say(bridge.lines.all.slice(-20).join('\n'))
  } finally {
    await fleet.stop()
    await bridge.stop()
    await unmountOwn(data)
    await directory.remove()
  }
  return problems.length === 0 ? 0 : 1
}

function configuration(fleet: SoakFleet, more: readonly string[]): ConfigFile {
  return {
    credentials: { default: DEVICE_LOGIN },
    devices: [...fleet.configured, ...more.map((id) => ({ id, secret: `secret of ${id}` }))],
    users: [opsUser(), opsUser({ name: VIEWER, roles: [VIEWER] })],
    roles: {
      operator: { devices: ['*'], operations: ['*'] },
      [VIEWER]: { devices: ['*'], operations: ['get', 'get-config:running'] },
    },
    trust: { 'first-use': 'pend' },
    link: { 'reconnect-wait': '2s' },
    // Each RPC that was answered has to be found again, so none is summed.
    audit: { 'max-size': '64MiB', 'max-read-lines-per-user': 100_000_000 },
    endpoint: { http: { 'warm-session-idle': '5s' } },
    log: { level: 'info', format: 'json' },
  }
}

/** Load for so many milliseconds, while something else may happen. */
async function runLoad(
  stage: Stage,
  milliseconds: number,
  meanwhile: (stopping: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = startLoad(stage)
  const over = AbortSignal.timeout(milliseconds)
  setMaxListeners(0, over)
  await Promise.all([waitUntil(over), meanwhile(over)])
  await stop()
}

/**
 * Everything that leaves something behind once, by design: what is known of a link that was lost, a second
 * configuration.
 */
async function warmUp(
  bridge: RunningBridge,
  fleet: SoakFleet,
  config: (more?: readonly string[]) => ConfigFile,
  length: number,
  stopping: AbortSignal,
): Promise<void> {
  await bridge.reload(config(['extra-1', 'extra-2']))
  await bridge.reload(config())
  for (let group = 0; group < GROUPS; group += 1) {
    await fleet.churn()
    await pause(length / (GROUPS + 2), undefined, { signal: stopping }).catch(() => undefined)
  }
}

interface Disturbed extends Pick<Stage, 'bridge' | 'fleet' | 'tally'> {
  readonly config: (more?: readonly string[]) => ConfigFile
  readonly say: (text: string) => void
  /** Where the disk becomes full, if it does. */
  readonly data?: string
}

/** Devices that come and go, reloads, and a full disk in the middle. */
async function disturb(
  { bridge, fleet, tally, config, say, data }: Disturbed,
  length: number,
  stopping: AbortSignal,
): Promise<void> {
  const every = async (seconds: number, work: (round: number) => Promise<unknown>): Promise<void> => {
    for (let round = 0; !stopping.aborted; round += 1) {
      await pause(seconds * 1000, undefined, { signal: stopping }).catch(() => undefined)
      if (!stopping.aborted) await work(round)
    }
  }
  const fill = async (): Promise<void> => {
    await pause(length / 2, undefined, { signal: stopping }).catch(() => undefined)
    if (stopping.aborted || data === undefined) return
    say('the disk is full')
    tally.excuse(true)
    // The bridge may have taken what was left of the room meanwhile.
    await fillDisk(join(data, 'ballast')).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOSPC') throw error
    })
    await pause(FULL_DISK)
    await rm(join(data, 'ballast'))
    say('the disk has room')
    await pause(RECOVERY)
    tally.excuse(false)
  }
  await Promise.all([
    every(20, () => fleet.churn()),
    every(30, (round) =>
      tally.attempt('reload', () => bridge.reload(config(round % 2 === 0 ? ['extra-1', 'extra-2'] : []))),
    ),
    fill(),
  ])
}

interface Rest {
  readonly heapMb: number
  readonly descriptors: number
  readonly resources: Readonly<Record<string, number>>
}

/** What the bridge has while all devices are attached and nobody uses them. */
async function atRest(bridge: RunningBridge, fleet: SoakFleet, pid: number): Promise<Rest> {
  await allAttached(bridge, fleet)
  await waitFor(
    'the last session to end',
    async () => {
      const metrics = await metricsOf(bridge)
      const busy = ['homeport_sessions{via="ssh"}', 'homeport_sessions{via="http"}', 'homeport_clients']
      return busy.every((name) => (metrics.get(name) ?? 0) === 0)
    },
    60_000,
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}: ${(await askBridge(bridge, '/api/v1/sessions')).body}`, { cause: error })
  })
  // What was written a moment ago is on its way to the database.
  await pause(5_000)
  const { heapUsed, resources } = await bridge.report()
  return { heapMb: heapUsed / 1e6, descriptors: await descriptorsOf(pid), resources }
}

async function allAttached(bridge: RunningBridge, fleet: SoakFleet): Promise<void> {
  const wanted = fleet.steady.length + fleet.fickle.length
  let links = 0
  await waitFor(
    `${wanted} devices to attach`,
    async () => {
      links = (await metricsOf(bridge)).get('homeport_links') ?? 0
      await pause(500)
      return links >= wanted
    },
    300_000,
  )
}

function waitUntil(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
