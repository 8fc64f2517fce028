import { timingSafeEqual } from 'node:crypto'
import type { AuthContext, Connection, ParsedKey, PublicKeyAuthContext } from 'ssh2'
import { ssh2 } from '../ssh/ssh2/load.js'

/** Who may log in to a device: a user name with a password, keys, or both. */
export interface DeviceLogin {
  readonly username: string
  readonly password?: string
  /** OpenSSH public key lines. */
  readonly authorizedKeys?: readonly string[]
}

export type LoginMethod = 'password' | 'publickey' | 'keyboard-interactive'

/** sshd's MaxAuthTries. */
const MAX_AUTH_TRIES = 6

/** Judges the attempts of one connection as sshd does: in any order, six in all. */
export function authenticateConnection(
  connection: Connection,
  login: DeviceLogin,
  report: { readonly accepted: (method: LoginMethod) => void; readonly refused: (method: string) => void },
): void {
  const methods = offeredMethods(login)
  const keys = (login.authorizedKeys ?? []).flatMap(parsedKey)
  let failures = 0

  const accept = (context: AuthContext, method: LoginMethod): void => {
    context.accept()
    report.accepted(method)
  }
  const refuse = (context: AuthContext): void => {
    context.reject([...methods])
    // "none" only asks which methods there are.
    if (context.method === 'none') return
    failures += 1
    report.refused(context.method)
    if (failures >= MAX_AUTH_TRIES) connection.end()
  }

  connection.on('authentication', (context) => {
    if (context.method === 'publickey') {
      const known = context.username === login.username && keyAccepted(context, keys)
      if (!known) refuse(context)
      // Without a signature the client only asks whether the key would do.
      else if (context.signature === undefined) context.accept()
      else accept(context, 'publickey')
    } else if (context.method === 'password') {
      if (passwordAccepted(login, context.username, context.password)) accept(context, 'password')
      else refuse(context)
    } else if (context.method === 'keyboard-interactive' && login.password !== undefined) {
      context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => {
        if (passwordAccepted(login, context.username, answers?.[0] ?? '')) accept(context, 'keyboard-interactive')
        else refuse(context)
      })
    } else refuse(context)
  })
}

function offeredMethods(login: DeviceLogin): readonly LoginMethod[] {
  return [
    ...(login.authorizedKeys === undefined ? [] : (['publickey'] as const)),
    ...(login.password === undefined ? [] : (['keyboard-interactive', 'password'] as const)),
  ]
}

function passwordAccepted(login: DeviceLogin, username: string, password: string): boolean {
  return login.password !== undefined && username === login.username && equal(password, login.password)
}

function keyAccepted(context: PublicKeyAuthContext, keys: readonly ParsedKey[]): boolean {
  const key = keys.find((one) => one.getPublicSSH().equals(context.key.data))
  if (key === undefined) return false
  if (context.signature === undefined || context.blob === undefined) return true
  // Its type leaves out that it answers an error for a signature it cannot read.
  const verdict: unknown = key.verify(context.blob, context.signature, context.hashAlgo)
  return verdict === true
}

function parsedKey(line: string): readonly ParsedKey[] {
  const parsed = ssh2.utils.parseKey(line)
  return parsed instanceof Error ? [] : [parsed]
}

function equal(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}
