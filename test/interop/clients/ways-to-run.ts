import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { collectLines } from '../../e2e/parts/lines.js'
import { dyingWithUs, killGroup } from '../../e2e/parts/processes.js'
import { within } from '../../e2e/parts/wait-for.js'
import { echo, SOON } from '../parts/pattern.js'
import type { LoginTrial } from '../trial.js'
import type { ClientRun, ClientTask } from './client-peer.js'

export interface Command {
  readonly words: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Milliseconds in which a client has to be done. */
const PATIENCE = 4 * SOON

/** A task in the words of the programs in programs/. */
function wordsOf(task: ClientTask): object {
  const { means, method, directory: _, ...rest } = task
  const { keyFile, certificateFile } = filesOf(task)
  return { ...rest, method, password: means.password, keyFile, certificateFile, agent: means.agent.socket }
}

const KEYS: Readonly<Partial<Record<LoginTrial, 'rsa' | 'ecdsa' | 'ed25519'>>> = {
  rsa: 'rsa',
  ecdsa: 'ecdsa',
  ed25519: 'ed25519',
}

/** The files that a login is made with; empty where there are none. */
export function filesOf({ method, means }: Pick<ClientTask, 'method' | 'means'>): {
  readonly keyFile: string
  readonly certificateFile: string
} {
  if (method === 'certificate')
    return { keyFile: means.certified.path, certificateFile: `${means.certified.path}-cert.pub` }
  const type = KEYS[method]
  return { keyFile: type === undefined ? '' : means.keys[type].path, certificateFile: '' }
}

/**
 * A program that takes its task as JSON in its last word, does it, and tells: `echoed` once it has heard and compared
 * everything, and at its end `statuses [7]`.
 */
export async function runProgram(task: ClientTask, { words, environment = {} }: Command): Promise<ClientRun> {
  const [command, args] = dyingWithUs([...words, JSON.stringify(wordsOf(task))])
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    detached: true,
  })
  const lines = collectLines(words.join(' ').slice(-60))
  const ended = once(child, 'close')
  for (const stream of [child.stdout, child.stderr]) lines.add(stream)
  const failed = ended.then(([status]) => {
    throw new Error(`it ended with status ${String(status)}: ${lines.all.slice(-5).join(' / ')}`)
  })
  failed.catch(() => undefined)
  const told = (word: string): Promise<string> =>
    Promise.race([lines.match(new RegExp(`^${word}`), { timeoutMs: PATIENCE }), failed])
  return {
    echoed: told('echoed').then(() => undefined),
    statuses: told('statuses ').then(async (line) => {
      await ended
      return JSON.parse(line.slice('statuses '.length)) as number[]
    }),
    kill: () => killGroup(child),
  }
}

/** A command whose standard input and output are a channel; each further channel is one more such command. */
export async function runStreams(task: ClientTask, commandOf: (nth: number) => Command): Promise<ClientRun> {
  const children: Child[] = []
  const work = async (): Promise<void> => {
    // The first makes the connection that the others use.
    for (let nth = 0; nth < task.channels; nth += 1) {
      children.push(startChild(commandOf(nth)))
      await children[nth]?.echo(1_000)
    }
    await Promise.all(children.map((child) => child.echo(task.bytes)))
    if (task.idle === 0) return
    await new Promise((resolve) => setTimeout(resolve, task.idle))
    await Promise.all(children.map((child) => child.echo(1_000)))
  }
  const kill = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.kill()))
  }
  const echoed = within(PATIENCE, 'the echo of all channels', work())
  const statuses = echoed.then(async () => {
    if (task.hold) return []
    // The last ones first: the connection belongs to the first.
    const ends: (number | null)[] = []
    for (const child of children.toReversed()) ends.push(await child.end())
    return ends
  })
  statuses.catch(() => undefined)
  return { echoed, statuses, kill }
}

interface Child {
  readonly echo: (bytes: number) => Promise<void>
  readonly end: () => Promise<number | null>
  readonly kill: () => Promise<void>
}

function startChild({ words, environment = {} }: Command): Child {
  const [command, args] = dyingWithUs(words)
  const child: ChildProcessWithoutNullStreams = spawn(command, args, {
    env: { ...process.env, ...environment },
    detached: true,
  })
  const errors: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  child.stdin.on('error', () => undefined)
  const closed = once(child, 'close')
  const channel = Duplex.from({ readable: child.stdout, writable: child.stdin })
  channel.on('error', () => undefined)
  const withErrors = async <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; ${Buffer.concat(errors).toString().slice(-500)}`, { cause: error })
    })
  return {
    echo: (bytes) => withErrors(echo(channel, bytes)),
    end: async () => {
      child.stdin.end()
      await within(SOON, 'the client to end', closed)
      return child.exitCode
    },
    kill: () => killGroup(child),
  }
}
