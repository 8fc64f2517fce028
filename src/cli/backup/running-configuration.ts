import { bridgeSchema } from '../../northbound/http/routes/bridge.js'
import type { CommandIo } from '../command-io.js'
import { askBridge } from '../operator/bridge-client.js'
import { findBridge } from '../operator/find-bridge.js'

/** Milliseconds; a backup is made whether a bridge answers or not. */
const ANSWER_TIMEOUT = 2_000

/** The configuration file of the bridge that runs on this machine; undefined where none tells it to this user. */
export async function runningConfiguration(io: Pick<CommandIo, 'env' | 'cwd'>): Promise<string | undefined> {
  const found = findBridge(io)
  if (!found.ok || found.location.kind === 'url') return undefined
  const answer = await askBridge(found.location, { method: 'GET', path: '/api/v1/bridge', timeout: ANSWER_TIMEOUT })
  if (!answer.ok) return undefined
  try {
    return bridgeSchema.parse(JSON.parse(answer.text)).process?.config ?? undefined
  } catch {
    return undefined
  }
}
