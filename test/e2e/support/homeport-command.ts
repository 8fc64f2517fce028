import { execFile } from 'node:child_process'
import { Readable } from 'node:stream'
import { CommanderError } from 'commander'
import type { CommandIo } from '../../../src/cli/command-io.js'
import { operationCommands } from '../../../src/cli/operator/operations.js'
import { rpcCommand } from '../../../src/cli/operator/rpc.js'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunningBridge } from './bridge.js'

export const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a `homeport` command to its end. */
export function homeport(...words: readonly string[]): Promise<Ended> {
  return homeportReading('', ...words)
}

/** The same with something on its standard input. */
export function homeportReading(input: string, ...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...words], { timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

/** Runs one that talks to this bridge, as its operator. */
export function operate(bridge: RunningBridge, ...words: readonly string[]): Promise<Ended> {
  return homeport(...words, '--config', join(bridge.directory, 'homeport.yaml'))
}

/** Runs a command that sends an operation in this process, which spares the time that a process takes to start. */
export async function operateHere(input: string, ...words: readonly string[]): Promise<Ended> {
  const written = { stdout: '', stderr: '' }
  let status: number | null = null
  const writerTo = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text
      return true
    },
  })
  const io: CommandIo = {
    stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    stdout: writerTo('stdout'),
    stderr: writerTo('stderr'),
    cwd: process.cwd(),
    env: {},
    exit: (given) => {
      status = given
    },
  }
  const [name, ...rest] = words
  const command = [rpcCommand(io), ...operationCommands(io)].find((one) => one.name() === name)
  if (command === undefined) throw new Error(`there is no command ${name}`)
  command.exitOverride().configureOutput({ writeErr: (text) => void io.stderr.write(text) })
  try {
    await command.parseAsync(rest, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // As `createProgram` ends on wrong usage.
    status = error.exitCode === 0 ? 0 : 2
  }
  return { status, ...written }
}
