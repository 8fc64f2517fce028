import { readdir, readlink } from 'node:fs/promises'
import { askBridge } from '../../e2e/support/ask-bridge.js'
import type { RunningBridge } from '../../e2e/support/bridge.js'
import { waitFor } from '../../e2e/parts/wait-for.js'
import { SOON } from './pattern.js'

/** How many sockets a bridge has open. */
export async function socketsOf({ process: { pid } }: RunningBridge): Promise<number> {
  const names = await readdir(`/proc/${pid}/fd`)
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
  return targets.filter((target) => target.startsWith('socket:')).length
}

/** How many sessions of clients a bridge has. */
export async function sessionsOf(bridge: RunningBridge): Promise<number> {
  const { body } = await askBridge(bridge, '/api/v1/sessions')
  return (JSON.parse(body) as { readonly sessions: readonly unknown[] }).sessions.length
}

export async function noSession(bridge: RunningBridge): Promise<void> {
  await waitFor('the sessions of the bridge to be over', async () => (await sessionsOf(bridge)) === 0, SOON)
}

/** Nothing of its peers is left in a bridge: neither a session nor an open socket. */
export async function nothingLeft(bridge: RunningBridge, sockets: number): Promise<void> {
  await noSession(bridge)
  let now = sockets
  await waitFor(
    `the bridge to have no more than ${sockets} sockets`,
    async () => {
      now = await socketsOf(bridge)
      return now <= sockets
    },
    SOON,
  ).catch((error: unknown) => {
    throw new Error(`${now - sockets} sockets are left`, { cause: error })
  })
}

/** The module that lets a test see and begin key exchanges, for a bridge that is to be loaded with it. */
export function rekeysWith(side: 'client' | 'device'): readonly string[] {
  return ['--import', new URL(`../programs/rekeys.mjs?${side}`, import.meta.url).href]
}

/** Has a bridge begin key exchanges while something is done. */
export async function whileBridgeRekeys(bridge: RunningBridge, work: () => Promise<void>): Promise<void> {
  const from = bridge.lines.all.length
  bridge.process.kill('SIGUSR2')
  await bridge.lines.match(/the bridge begins key exchanges/, { from })
  try {
    await work()
    await exchanged(bridge, 'bridge', from)
  } finally {
    bridge.process.kill('SIGUSR2')
    await bridge.lines.match(/the bridge begins no key exchange/, { from })
  }
}

/** Throws where the keys were not exchanged anew since a line of the log. */
export async function exchanged(bridge: RunningBridge, by: 'bridge' | 'peer', from: number): Promise<void> {
  const found = bridge.lines.all.slice(from).some((line) => line.includes('keys exchanged') && line.includes(`"${by}"`))
  if (!found) throw new Error(`the keys were not exchanged anew by the ${by}`)
}
