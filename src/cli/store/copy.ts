import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../../config/load.js'
import { formatProblem } from '../../config/problem.js'
import type { ClusterConfig } from '../../config/schema.js'
import { readEnvironment } from '../../config/yaml/environment.js'
import { interpolate } from '../../config/yaml/interpolate.js'
import { counted } from '../../lib/counted.js'
import { readPostgresUrl } from '../../lib/postgres-url.js'
import { contentsOf, copyStore, firstDifference, isEmpty, type StoreContents } from '../../store/copy-store.js'
import { openPostgresStore } from '../../store/postgres/postgres-store.js'
import { openSqliteStore, STORE_FILE } from '../../store/sqlite/sqlite-store.js'
import type { OpenedStore, Store, StoreFailure } from '../../store/store.js'
import { type CommandFailure, exitWithFailure } from '../command-failure.js'
import type { CommandIo } from '../command-io.js'
import { configOption } from '../config-option.js'

interface CopyOptions {
  readonly config?: string
  readonly to?: string
}

/** From where to where, as they are named in messages, and what opens them. */
interface Places {
  readonly from: string
  readonly to: string
  readonly openFrom: () => Promise<OpenedStore>
  readonly openTo: () => Promise<OpenedStore>
}

/** `homeport store copy --to URL`: moves in from the file in data-dir, while no bridge runs. */
export function copyCommand(io: CommandIo): Command {
  return new Command('copy')
    .description('copy all that the file in data-dir holds into a database that is empty, while no bridge runs')
    .addOption(configOption())
    .option(
      '--to <url>',
      "a database, in single quotes with ${NAME} for its password (default: the file's cluster.database)",
    )
    .action(async (options: CopyOptions) => {
      try {
        const places = placesOf(options, io)
        const contents = await copy(places)
        io.stdout.write(
          `${summaryOf(contents)}\nfrom ${places.from}\nto ${places.to}, read again: all of it is there\n`,
        )
      } catch (error) {
        const failure = failureOf(error)
        if (failure === undefined) throw error
        exitWithFailure(failure, io)
      }
    })
}

/** Why nothing was copied, or not all of it. */
class CopyError extends Error {
  readonly failure: CommandFailure

  constructor(failure: CommandFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/** A read of a store that fails says why in its cause. */
function failureOf(error: unknown): CommandFailure | undefined {
  if (error instanceof CopyError) return error.failure
  if (!(error instanceof Error) || typeof error.cause !== 'object' || error.cause === null) return undefined
  if (!('reason' in error.cause) || !('hint' in error.cause)) return undefined
  const { message, hint } = error.cause as StoreFailure
  return { message, hint, status: 1 }
}

function placesOf(options: CopyOptions, io: CommandIo): Places {
  const { cwd, env } = io
  const loaded = loadConfig({ path: options.config, cwd, env })
  if (!loaded.ok) {
    const [first, ...more] = loaded.problems.map(formatProblem)
    throw new CopyError({ message: first ?? 'the configuration has problems', more, status: 2 })
  }
  const { cluster, dataDir } = loaded.config
  if (cluster === undefined)
    throw new CopyError({
      message: `${loaded.file}: has no \`cluster\`, whose \`secret-key\` seals secrets in the database`,
      hint: 'write `cluster` with `database`, `node` and `secret-key` first; it holds from the next start on',
      status: 2,
    })
  const url = options.to === undefined ? cluster.database : urlOf(options.to, { cwd, env, file: loaded.file })
  const database = readPostgresUrl(url)
  if (!database.ok) throw new CopyError({ message: `--to ${database.message}`, hint: database.hint, status: 2 })
  const from = join(dataDir, STORE_FILE)
  if (!existsSync(from))
    throw new CopyError({
      message: `${from}: is not there, so there is nothing to copy`,
      hint: 'name the configuration of the bridge with --config; a bridge that never ran needs no copy',
      status: 1,
    })
  return {
    from,
    to: database.database.shown,
    openFrom: () => openSqliteStore({ directory: dataDir, touchInterval: NEVER, onProblem: noted }),
    openTo: () => openTarget(url, cluster),
  }
}

/** Milliseconds, longer than a copy takes: nothing is seen meanwhile. */
const NEVER = 2 ** 30

/** Nothing is written that nobody waits for, but what is attached: that is read again. */
const noted = (): void => undefined

/** The URL with what it takes from the environment, as the configuration file does. */
function urlOf(
  written: string,
  { cwd, env, file }: Pick<CommandIo, 'cwd' | 'env'> & { readonly file: string },
): string {
  const { environment, problems } = readEnvironment(env, cwd, dirname(resolve(cwd, file)))
  const { text, problems: faults } = interpolate(written, environment)
  const [unreadable] = problems
  const [fault] = faults
  if (fault !== undefined) throw new CopyError({ message: `--to: ${fault.message}`, hint: fault.hint, status: 2 })
  if (unreadable !== undefined) throw new CopyError({ message: formatProblem(unreadable), status: 2 })
  return text
}

/** As the only node of it: no bridge may write into it meanwhile. */
function openTarget(url: string, { node, secretKey, lease, heartbeat }: ClusterConfig): Promise<OpenedStore> {
  return openPostgresStore({
    url,
    keys: secretKey,
    alone: { id: node, lease, heartbeat, onReplaced: noted },
    touchInterval: NEVER,
    onProblem: noted,
  })
}

/** Copies, and compares what is read again from both. Throws `CopyError`, or as reads of a store do. */
async function copy({ from, to, openFrom, openTo }: Places): Promise<StoreContents> {
  return using(openFrom, from, async (source) => {
    const contents = await contentsOf(source)
    await using(openTo, to, async (target) => {
      const found = await contentsOf(target)
      if (!isEmpty(found))
        throw new CopyError({
          message: `${to}: holds something already: ${summaryOf(found)}`,
          hint: 'nothing was written; name an empty database, or drop that one and create it anew',
          status: 1,
        })
      const written = await copyStore(source, target)
      if (!written.ok) throw halfCopied(written.failure)
    })
    await using(openTo, to, async (target) => {
      const difference = await firstDifference(source, target)
      if (difference !== undefined)
        throw new CopyError({
          message: `${to}: what was read again is not what was written: ${difference}`,
          hint: 'something else writes into that database: drop it, create it anew, and copy once more',
          status: 1,
        })
    })
    return contents
  })
}

/** Does something with a store that is open meanwhile. */
async function using<T>(
  open: () => Promise<OpenedStore>,
  name: string,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const opened = await open()
  if (!opened.ok) {
    const { reason, message, hint } = opened.failure
    const isFile = name.endsWith(STORE_FILE)
    throw new CopyError({
      message,
      hint: reason === 'locked' && isFile ? 'stop the bridge first: what it writes would be missing in the copy' : hint,
      status: 1,
    })
  }
  let result: T
  try {
    result = await work(opened.store)
  } catch (error) {
    await opened.store.close()
    throw error
  }
  const closed = await opened.store.close()
  if (!closed.ok) throw halfCopied(closed.failure)
  return result
}

function halfCopied({ message, hint }: StoreFailure): CopyError {
  return new CopyError({
    message,
    hint,
    more: ['not all was copied: drop the database, create it anew, and copy once more'],
    status: 1,
  })
}

function summaryOf({ devices, tokens, jobs, endpoints, attached }: StoreContents): string {
  return [
    counted(devices, 'device'),
    counted(tokens, 'token'),
    counted(jobs, 'job'),
    `ports and addresses of ${counted(endpoints, 'device')}`,
    `${counted(attached, 'device')} attached at the end`,
  ].join(', ')
}
