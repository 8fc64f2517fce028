import { randomBytes, scryptSync } from 'node:crypto'

/**
 * A password hash as `homeport user hash-password` makes it, but cheap, so that a thousand logins do not hold up a
 * test.
 */
export function cheapPasswordHash(password: string): string {
  const salt = randomBytes(16)
  const hash = scryptSync(password, salt, 32, { N: 2 ** 10, r: 8, p: 1 })
  const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
  return `$scrypt$ln=10,r=8,p=1$${base64(salt)}$${base64(hash)}`
}

/** The user that most tests log in as: `ops` with the password `pw-ops`. */
export const ops = { name: 'ops', password: 'pw-ops' } as const

export function opsUser(more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { name: ops.name, 'password-hash': cheapPasswordHash(ops.password), roles: ['operator'], ...more }
}
