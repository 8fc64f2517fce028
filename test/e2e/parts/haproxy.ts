import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { dyingWithUs, gone } from './processes.js'
import { makeTempDir } from './temp-dir.js'
import { waitFor } from './wait-for.js'

export type Haproxy = { readonly port: number; readonly stop: () => Promise<void> }

/**
 * haproxy, on a free port of 127.0.0.1. `stop` ends it.
 * @param configuration what its file says beside its time-outs
 */
export async function startHaproxy(configuration: (port: number) => string): Promise<Haproxy> {
  const port = await freePort()
  const directory = await makeTempDir('haproxy')
  const file = join(directory.path, 'haproxy.cfg')
  await writeFile(
    file,
    `defaults\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n${configuration(port)}`,
  )
  const [program, words] = dyingWithUs(['haproxy', '-db', '-f', file])
  const child = spawn(program, words, { stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone(child)
    await directory.remove()
  }
  try {
    await waitFor(`haproxy to answer on port ${port}`, () => {
      if (child.exitCode !== null) throw new Error(`haproxy ended with status ${child.exitCode}`)
      return answers(port)
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { port, stop }
}

/**
 * A path of TCP on which a side that reads nothing is felt within half a megabyte. Directly, the kernel grants tens of
 * megabytes to a stream of small packets, and both directions may then stand still for as long as nothing is read.
 */
export function startNarrowPath(target: { readonly host: string; readonly port: number }): Promise<Haproxy> {
  return startHaproxy(
    (port) => `global
  tune.rcvbuf.server 65536
  tune.sndbuf.client 65536
listen path
  mode tcp
  bind 127.0.0.1:${port}
  server target ${target.host}:${target.port}
`,
  )
}

function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}
