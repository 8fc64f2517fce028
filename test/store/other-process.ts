import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { OpenFailure } from '../../src/store/store.js'

/** Opens and closes the store in a process of its own, and gives the problem that it met. */
export async function openInOtherProcess(directory: string): Promise<OpenFailure | null> {
  const { stdout } = await promisify(execFile)(process.execPath, programArguments('open-once', directory))
  return JSON.parse(stdout) as OpenFailure | null
}

/**
 * Starts a process that changes enrolments until it is killed; it prints a line for each change that was acknowledged.
 */
export function startWriter(directory: string): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, programArguments('write-on', directory), { stdio: ['ignore', 'pipe', 'inherit'] })
}

function programArguments(program: string, directory: string): readonly string[] {
  return ['--import', 'tsx', fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url)), directory]
}
