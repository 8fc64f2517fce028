import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { dyingWithUs } from '../../e2e/parts/processes.js'
import type { DialledDevice } from '../paths/openssh-paths.js'
import type { Lab } from './lab.js'

const script = fileURLToPath(new URL('ncclient_calls.py', import.meta.url))

/** Calls a second of a script with ncclient that dials the device for each of them; its start does not count. */
export async function rateOfNcclient(lab: Lab, { port }: DialledDevice, calls: number): Promise<number> {
  // Debian's modules belong to Debian's interpreter, whichever python3 comes first on PATH.
  const [command, args] = dyingWithUs([
    '/usr/bin/python3',
    '-B',
    script,
    String(port),
    lab.user,
    lab.loginKey.path,
    String(calls),
  ])
  const { stdout } = await promisify(execFile)(command, args)
  return Number(stdout)
}
