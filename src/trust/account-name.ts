/** No account name is longer than this many characters; Linux takes 32, and AAA servers more. */
const MAX_LENGTH = 64

/**
 * Letters, digits and the few signs that account names have. A comma would part principals where somebody lists them,
 * and a name that begins with a dash would be an option to some program on the device.
 */
const ACCOUNT_NAME = /^[A-Za-z0-9_][A-Za-z0-9._@+$-]*$/

/**
 * Why a user of the bridge is not logged in on a device as an account of the same name; undefined where the name is
 * good for that. It may come from an identity provider or a hook, so it is nobody's promise. It is never `root`, nor
 * the account of the bridge itself, which may do more on the device than any person.
 * @param ofTheBridge the account that the link is logged in as
 */
export function accountFault(user: string, ofTheBridge: string): string | undefined {
  if (user.length > MAX_LENGTH) return `the name is longer than ${MAX_LENGTH} characters`
  if (!ACCOUNT_NAME.test(user))
    return 'the name has other characters than letters, digits and . _ @ + $ -, or begins with one of these'
  if (user === 'root') return 'nobody is logged in as root'
  return user === ofTheBridge ? 'that is the account of the bridge itself' : undefined
}
