import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { dyingWithUs, killGroup } from '../../e2e/parts/processes.js'
import { waitFor } from '../../e2e/parts/wait-for.js'

/** A program that runs beside the benchmark. */
export interface Program {
  readonly pid: number
  readonly child: ChildProcess
  readonly stop: () => Promise<void>
}

/** Starts a program in a process group of its own, which `stop` kills. Its standard error is ours. */
export function startProgram(
  command: readonly string[],
  stdio: StdioOptions = ['ignore', 'ignore', 'inherit'],
): Program {
  const [name, args] = dyingWithUs(command)
  const child = spawn(name, args, { stdio, detached: true })
  if (child.pid === undefined) throw new Error(`${command[0]} does not start; run npm run test:setup`)
  return { pid: child.pid, child, stop: () => killGroup(child) }
}

/** Resolves once something listens on a port of the loopback address. */
export async function listening(port: number): Promise<void> {
  await waitFor(`port ${port} to answer`, async () => {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  })
}
