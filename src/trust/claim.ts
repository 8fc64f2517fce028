import type { PublicKey } from '../ssh/public-key.js'

/**
 * Who a call-home connection says it is, before anything was proven.
 * - `junos`: an initiation sequence with a device id, and with a secret also a host key and its HMAC;
 * - `calix`: an `<identity>` whose serial number or MAC may be the device id;
 * - `none`: plain RFC 8071, where only the host key can tell.
 */
export type Claim =
  | {
      readonly form: 'junos'
      readonly deviceIds: readonly [string]
      readonly hostKey?: PublicKey
      readonly hmac?: string
    }
  | { readonly form: 'calix'; readonly deviceIds: readonly string[] }
  | { readonly form: 'none'; readonly deviceIds: readonly [] }
