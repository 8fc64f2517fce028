import { type ChildProcess, spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { collectLines, type Lines } from '../../e2e/parts/lines.js'
import { dyingWithUs, killGroup } from '../../e2e/parts/processes.js'
import { SOON } from '../parts/pattern.js'
import type { HangUp } from './device-peer.js'

/** Programs that were started, and what they wrote on standard error and, where that is no connection, output. */
export interface Programs {
  readonly log: Lines
  /** A server on a connection as its standard input and output, as inetd starts it. */
  readonly onConnection: (command: readonly string[], connection: Socket) => HangUp
  /** A server with listeners of its own, which it names in a line `ports {"name":1234}` once it is ready. */
  readonly listening: (command: readonly string[]) => Promise<Readonly<Record<string, number>>>
  readonly said: () => string
  readonly stop: () => Promise<void>
}

/** @param environment of the programs, beside ours */
export function programs(name: string, environment: Readonly<Record<string, string>> = {}): Programs {
  const log = collectLines(name)
  const running = new Set<ChildProcess>()
  const start = (words: readonly string[], stdio: readonly (Socket | 'pipe' | 'ignore')[]): ChildProcess => {
    const [command, args] = dyingWithUs(words)
    const child = spawn(command, args, { stdio: [...stdio], env: { ...process.env, ...environment }, detached: true })
    running.add(child)
    child.once('exit', () => running.delete(child))
    for (const stream of [child.stdout, child.stderr]) if (stream) log.add(stream)
    return child
  }
  return {
    log,
    onConnection: (command, connection) => {
      const child = start(command, [connection, connection, 'pipe'])
      // From here on the kernel carries the bytes.
      connection.destroy()
      return () => killGroup(child)
    },
    listening: async (command) => {
      start(command, ['ignore', 'pipe', 'pipe'])
      const line = await log.match(/^ports /, { timeoutMs: 3 * SOON })
      return JSON.parse(line.slice('ports '.length)) as Record<string, number>
    },
    said: () => log.all.slice(-8).join(' / '),
    stop: async () => {
      await Promise.all([...running].map(killGroup))
    },
  }
}

/** Carries a connection to a server that listens on this machine. */
export function relayTo(port: number, connection: Socket): HangUp {
  const inner = connect(port, '127.0.0.1')
  carry(inner, connection)
  return () => {
    connection.resetAndDestroy()
    inner.resetAndDestroy()
  }
}

/** What comes on one connection goes out on the other, to the end of either. */
export function carry(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy())
    from.once('close', () => to.destroy())
    from.pipe(to)
  }
}
