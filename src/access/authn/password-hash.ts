import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** The cost of scrypt (RFC 7914): 2^ln × r × 128 bytes of memory, p times over. */
export interface ScryptCost {
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** A password hash taken apart. */
export interface PasswordHash {
  readonly cost: ScryptCost
  readonly salt: Buffer
  readonly hash: Buffer
}

/** What new hashes cost: 32 MiB and about a tenth of a second. */
export const DEFAULT_COST: ScryptCost = { ln: 15, r: 8, p: 1 }

const MOST_MEMORY = 128 * 2 ** 20
const MOST_WORK = 2 ** 21
const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

/** What other programs write: crypt(3), bcrypt, yescrypt, Argon2, PBKDF2. */
const OTHER_SCHEMES = /^\$(1|2[abxy]?|5|6|7|y|argon2\w*|pbkdf2.*)\$/

/** Hashes a password into the PHC string `$scrypt$ln=15,r=8,p=1$salt$hash` (both base64 without padding). */
export async function hashPassword(
  password: string,
  cost: ScryptCost = DEFAULT_COST,
  salt: Buffer = randomBytes(16),
): Promise<string> {
  const hash = await derive(password, { cost, salt, length: 32 })
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${unpadded(salt)}$${unpadded(hash)}`
}

export type ParsedPasswordHash =
  | { readonly ok: true; readonly hash: PasswordHash }
  | { readonly ok: false; readonly message: string; readonly hint: string }

/** Takes a PHC string of scrypt apart. One that would cost more than 128 MiB, or seconds, to verify is refused. */
export function parsePasswordHash(text: string): ParsedPasswordHash {
  const [, ln, r, p, salt, hash] = FORM.exec(text) ?? []
  if (salt === undefined || hash === undefined)
    return refused(OTHER_SCHEMES.test(text) ? 'only scrypt hashes are supported' : 'not a password hash')
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) }
  const blocks = cost.r * 2 ** cost.ln
  if (Math.min(cost.ln, cost.r, cost.p) < 1 || 128 * blocks > MOST_MEMORY || blocks * cost.p > MOST_WORK)
    return refused('the cost of this password hash is out of bounds')
  return { ok: true, hash: { cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') } }
}

/** Whether a password has this hash; compares in constant time. */
export async function matchesPassword(password: string, { cost, salt, hash }: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, { cost, salt, length: hash.length }), hash)
}

function refused(message: string): ParsedPasswordHash {
  return { ok: false, message, hint: 'make one with `homeport user hash-password`, and quote it' }
}

interface Derivation {
  readonly cost: ScryptCost
  readonly salt: Buffer
  readonly length: number
}

function derive(password: string, { cost, salt, length }: Derivation): Promise<Buffer> {
  const N = 2 ** cost.ln
  // Node wants room above the 128 × N × r of the algorithm, and refuses at exactly that.
  const maxmem = 128 * cost.r * (N + cost.p) + 2 ** 20
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N, r: cost.r, p: cost.p, maxmem }, (error, hash) => {
      if (error === null) resolve(hash)
      else reject(error)
    })
  })
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
