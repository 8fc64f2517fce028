import type { ParsedKey } from 'ssh2'
import { ssh2 } from './ssh2/load.js'

export type PrivateKeyFailure = {
  readonly reason: 'malformed-private-key' | 'passphrase-needed' | 'not-a-private-key'
  readonly message: string
  readonly hint: string
}

export type ParsedPrivateKey =
  | { readonly ok: true; readonly key: ParsedKey }
  | { readonly ok: false; readonly failure: PrivateKeyFailure }

/** Reads a private key in OpenSSH or traditional PEM text (not PKCS#8). The passphrase is never part of a problem. */
export function parsePrivateKey(text: string, passphrase?: string): ParsedPrivateKey {
  const parsed = ssh2.utils.parseKey(text, passphrase)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key instanceof Error || key === undefined) {
    const encrypted = /encrypted|passphrase|integrity/i.test(key?.message ?? '')
    return encrypted
      ? failed(
          'passphrase-needed',
          passphrase === undefined ? 'the key is encrypted' : 'the passphrase does not fit the key',
          'give its passphrase, best as ${NAME} from the environment',
        )
      : failed(
          'malformed-private-key',
          'the text is not a private key in OpenSSH or PEM form',
          'make one with `ssh-keygen -t ed25519`',
        )
  }
  if (!key.isPrivateKey())
    return failed(
      'not-a-private-key',
      'the text is a public key',
      'name the file without .pub: the private half is needed',
    )
  return { ok: true, key }
}

function failed(cause: PrivateKeyFailure['reason'], message: string, hint: string): ParsedPrivateKey {
  return { ok: false, failure: { reason: cause, message, hint } }
}
