import { plainKeyOf } from '../../ssh/certificate.js'
import { canonicalKey } from '../../ssh/verifying-key.js'
import { packBytes } from '../../lib/packed-buffer.js'
import { fingerprintOf, keyTypeOf } from '../../ssh/public-key.js'

/** A host key, as people compare it. */
export interface KeyFingerprint {
  readonly type: string
  /** `SHA256:…`, as OpenSSH prints it. */
  readonly fingerprint: string
}

/** How the key of a blob, plain or a certificate, is shown. */
export function keyFingerprint(blob: Buffer): KeyFingerprint {
  const plain = plainKeyOf(blob)
  return { type: keyTypeOf(plain) ?? 'unknown', fingerprint: fingerprintOf(plain) }
}

/** The plain key of a blob that may be a certificate, as pins hold it. */
export function pinOf(blob: Buffer): { readonly type: string; readonly blob: Buffer } {
  const plain = packBytes(canonicalKey(plainKeyOf(blob)))
  return { type: keyTypeOf(plain) ?? 'unknown', blob: plain }
}
