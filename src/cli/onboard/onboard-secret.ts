import { randomBytes } from 'node:crypto'
import type { Environment } from '../../config/yaml/environment.js'
import type { FailureText } from '../command-failure.js'
import { plainName } from '../quoting.js'
import type { KeptSecret } from './kept-secret.js'

/** Where the secret of a device was found. */
export type SecretOrigin = 'configuration' | 'bridge' | 'environment' | 'kept' | 'new'

export interface FoundSecret {
  readonly secret: string
  readonly from: SecretOrigin
}

/** As many bytes as the hash of the HMAC makes use of, and more. */
const SECRET_SIZE = 32

/**
 * The secret of a device that neither the configuration nor the bridge knows: the one of an earlier run if there was
 * any, so that what was pasted stays true. Only then a new one is made.
 */
export async function secretOfNewDevice(
  deviceId: string,
  environment: Environment,
  kept: KeptSecret,
): Promise<{ readonly ok: true; readonly found: FoundSecret } | { readonly ok: false; readonly problem: FailureText }> {
  const written = environment.lookup(secretVariable(deviceId))
  if (written.kind === 'unreadable')
    return {
      ok: false,
      problem: { message: `${written.variable}: cannot be read (${written.code})`, hint: written.hint },
    }
  if (written.kind === 'value' && written.value !== '')
    return { ok: true, found: { secret: written.value, from: 'environment' } }
  const secret = await kept.read()
  return { ok: true, found: secret === undefined ? { secret: newSecret(), from: 'new' } : { secret, from: 'kept' } }
}

/** The variable of `.env` that holds the secret of a device in the lines that `onboard` prints. */
export function secretVariable(deviceId: string): string {
  const name = plainName(deviceId)
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
  return `DEVICE_${name}_SECRET`
}

/** Begins with a letter or a digit: any other word would have to be quoted wherever it is pasted. */
function newSecret(): string {
  const secret = randomBytes(SECRET_SIZE).toString('base64url')
  return /^[A-Za-z0-9]/.test(secret) ? secret : newSecret()
}
