import { readFile } from 'node:fs/promises'
import type { Config } from '../../config/schema.js'
import { loadPrivateKey, ownHostKeyFiles } from '../../ssh/host-keys.js'
import { parsePublicKeyLine, type PublicKey } from '../../ssh/public-key.js'
import { caFile, readCaPublicKey } from '../ca/ca-directory.js'
import type { DeviceLogin } from './onboarding.js'
import type { FailureText } from '../command-failure.js'

export type LoginMethod = DeviceLogin['method']

export type FoundLogin =
  | { readonly ok: true; readonly login: DeviceLogin }
  | { readonly ok: false; readonly problem: FailureText }

type Profile = Config['credentials'] extends ReadonlyMap<string, infer Value> ? Value : never

/** The method that nobody chose: the best that the credentials can do, a certificate before a key before a password. */
export function usualMethod(profile: Profile | undefined): LoginMethod {
  if (profile?.certificate !== undefined || profile?.userCa !== undefined) return 'certificate'
  return profile?.privateKey === undefined ? 'password' : 'key'
}

/** Where to look for what a login needs. */
export interface LoginSources {
  /** Of the credentials in the configuration. */
  readonly name: string
  /** What the configuration says of them, where it has them. */
  readonly profile: Profile | undefined
  /** On the device. */
  readonly account: string
  readonly caDirectory: string
}

/** What the device must know so that the bridge can log in. */
export async function findLogin(
  method: LoginMethod,
  { name, profile, account, caDirectory }: LoginSources,
): Promise<FoundLogin> {
  if (method === 'password') return { ok: true, login: { method } }
  if (method === 'certificate') {
    const ca = await readCaPublicKey(caDirectory, 'user')
    return ca.ok
      ? {
          ok: true,
          login: {
            method,
            userCaFile: `${caFile(caDirectory, 'user')}.pub`,
            principals: profile?.userCa === undefined ? [account] : profile.principals,
          },
        }
      : {
          ok: false,
          problem: {
            ...ca.problem,
            hint: 'make a user CA with `homeport ca init`, or name its directory with --ca-dir',
          },
        }
  }
  if (profile?.privateKey === undefined)
    return {
      ok: false,
      problem: {
        message: `credentials.${name}: there is no private-key in the configuration`,
        hint: 'add one, name other credentials with --credentials, or log in another way with --auth',
      },
    }
  const found = await publicHalf(profile.privateKey, profile.passphrase)
  return found.ok
    ? { ok: true, login: { method, key: found.key } }
    : {
        ok: false,
        problem: {
          message: `credentials.${name}.private-key: ${profile.privateKey}: ${found.problem.message}`,
          hint: found.problem.hint,
        },
      }
}

/** The host keys of the bridge that can be read; the bridge makes its own at its first start. */
export async function bridgeHostKeys({ endpoint, dataDir }: Config): Promise<readonly PublicKey[]> {
  const files = endpoint.ssh.hostKeys.length > 0 ? endpoint.ssh.hostKeys : ownHostKeyFiles(dataDir)
  const found = await Promise.all(files.map((file) => publicHalf(file)))
  return found.flatMap((half) => (half.ok ? [half.key] : []))
}

/** The CA that certifies them for clients, where there is one. */
export async function bridgeHostCa({ endpoint }: Config): Promise<PublicKey | undefined> {
  const { hostCa, hostCaPassphrase } = endpoint.ssh
  const half = hostCa === undefined ? undefined : await publicHalf(hostCa, hostCaPassphrase)
  return half?.ok === true ? half.key : undefined
}

/** The file beside a private key, which needs neither its passphrase nor its permissions; else the key itself tells. */
async function publicHalf(
  file: string,
  passphrase?: string,
): Promise<{ readonly ok: true; readonly key: PublicKey } | { readonly ok: false; readonly problem: FailureText }> {
  const beside = await readFile(`${file}.pub`, 'utf8').catch(() => '')
  const parsed = parsePublicKeyLine(beside)
  if (parsed.ok) return parsed
  const loaded = await loadPrivateKey(file, passphrase)
  return loaded.ok
    ? { ok: true, key: { type: loaded.key.type, blob: loaded.key.getPublicSSH(), comment: '' } }
    : { ok: false, problem: loaded.failure }
}
