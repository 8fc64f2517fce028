/** Whole names of elements, statements and fields whose values are secrets on devices of several vendors. */
export const SECRET_NAMES: readonly string[] = ['key', 'psk', 'pwd', 'pin']

/** What is part of such a name, without what separates its words: `auth-password`, `sharedSecret`, `wpa-psk`. */
const SECRET_PARTS = [
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'secret',
  'credential',
  'community',
  'token',
  'cleartext',
  'plaintext',
  'asciitext',
  'hexadecimal',
  'presharedkey',
  'sharedkey',
  'privatekey',
  'privkey',
  'privacykey',
  'authkey',
  'authenticationkey',
  'symmetrickey',
  'encryptionkey',
  'encryptkey',
  'decryptionkey',
  'sessionkey',
  'masterkey',
  'apikey',
  'accesskey',
  'accountkey',
  'digestkey',
  'hashkey',
  'hmackey',
  'md5key',
  'wpakey',
  'wepkey',
  'psk',
  'radiuskey',
  'tacacskey',
  'serverkey',
  'isakmpkey',
  'ikekey',
  'keystring',
  'keydata',
  'keymaterial',
  'keyvalue',
  'keytext',
  'keyhex',
] as const

/** Last words of names that only tell about a secret: `password-policy`, `key-name` is none for it has no such part. */
const ABOUT = new Set(
  `policy length age type format lifetime expiry expires expiration changed index enabled required timeout interval
   strength complexity algorithm retries attempts count usage bucket`.split(/\s+/),
)
/** The same of BGP's communities, which are no secrets. */
const ABOUT_COMMUNITIES = new Set([
  'set',
  'sets',
  'list',
  'lists',
  'members',
  'member',
  'extended',
  'standard',
  'large',
])

const part = new RegExp(SECRET_PARTS.join('|'))

/**
 * Whether what has this name holds a secret, as far as a name tells. It rather says so too often.
 * @param further whole names, in lower case
 */
export function isSecretName(written: string, further: ReadonlySet<string>): boolean {
  const lower = written.toLowerCase().replace(/[.-]+$/, '')
  if (further.has(lower)) return true
  if (!part.test(lower.replaceAll(/[._-]/g, ''))) return false
  const last = written.replace(/[.-]+$/, '').match(/(?:^|[._-]|(?=[A-Z]))([A-Za-z][a-z]*)$/)?.[1] ?? lower
  return !ABOUT.has(last.toLowerCase()) && !(lower.includes('communit') && ABOUT_COMMUNITIES.has(last.toLowerCase()))
}
