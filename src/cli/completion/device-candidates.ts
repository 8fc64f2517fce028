import { faultOfDeviceId } from '../../trust/device-id.js'
import type { CommandIo } from '../command-io.js'
import { askBridge } from '../operator/bridge-client.js'
import { optionalPair } from '../operator/device-filters.js'
import { findBridge } from '../operator/find-bridge.js'
import { listedDevices } from '../operator/listed-devices.js'
import type { Candidate } from './complete.js'
import type { Typed } from './read-typed.js'

/** Milliseconds; somebody has pressed a key and looks at the terminal. */
const PATIENCE = 1000
/** More than anybody reads. */
const MOST = '1000'

/** The ids that the bridge knows, if one answers soon. Silent where none does, or where it refuses. */
export async function deviceCandidates(
  { env, cwd }: Pick<CommandIo, 'env' | 'cwd'>,
  { values, afterDashes }: Pick<Typed, 'values' | 'afterDashes'>,
  begun: string,
): Promise<readonly Candidate[]> {
  const found = findBridge({ env, cwd }, { config: values.get('--config'), socket: values.get('--socket') })
  if (!found.ok) return []
  // A word with quotes in it is looked for by the shell.
  const query = new URLSearchParams([
    ...optionalPair('q', /^[\w.-]+$/.test(begun) ? begun : undefined),
    ['limit', MOST],
  ])
  const path = `/api/v1/devices?${query.toString()}`
  const answer = await askBridge(found.location, { method: 'GET', path, timeout: PATIENCE })
  const devices = answer.ok ? listedDevices(answer.text) : undefined
  return (devices ?? [])
    .filter(({ id }) => faultOfDeviceId(id) === undefined && (afterDashes || !id.startsWith('-')))
    .map(({ id, linkState }) => ({ word: id, meaning: linkState?.state ?? '' }))
}
