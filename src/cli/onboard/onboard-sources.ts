import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config/schema.js'
import type { GeneratedKeyType } from '../../ssh/generate-private-key.js'
import { loadPrivateKey, ownHostKeyFiles } from '../../ssh/host-keys.js'
import { parseKnownHosts } from '../../ssh/known-hosts.js'
import { parsePublicKeyLine, type PublicKey } from '../../ssh/public-key.js'
import { caFile, readCaPublicKey } from '../ca/ca-directory.js'
import type { CaOfDevices, DeviceLogin, LoginKey } from './onboarding.js'
import type { FailureText } from '../command-failure.js'
import { fileHint } from '../not-permitted.js'

export type LoginMethod = DeviceLogin['method']

export type FoundLogin =
  | { readonly ok: true; readonly login: DeviceLogin; readonly missingCas?: string }
  | { readonly ok: false; readonly problem: FailureText }

type Profile = Config['credentials'] extends ReadonlyMap<string, infer Value> ? Value : never

/** The method that nobody chose: the best that the credentials can do, a certificate before a key before a password. */
export function usualMethod(profile: Profile | undefined): LoginMethod {
  if (profile?.certificate !== undefined || profile?.userCa !== undefined) return 'certificate'
  return profile?.privateKey === undefined && profile?.agent === undefined ? 'password' : 'key'
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
  /** Of the configuration; keys that are to be made go into `keys/` there. */
  readonly directory: string
  /** The type of a key that is to be made. */
  readonly keyType: GeneratedKeyType
}

/** What the bridge logs in with, as far as it is there, and what the device must know of it. */
export async function findLogin(method: LoginMethod, sources: LoginSources): Promise<FoundLogin> {
  if (method === 'password') return { ok: true, login: { method, configured: sources.profile?.password !== undefined } }
  const found = await findKey(sources)
  if (!found.ok) return found
  return method === 'key'
    ? { ok: true, login: { method, loginKey: found.loginKey } }
    : findCertificate(sources, found.loginKey)
}

/** What certifies the bridge to the device. */
async function findCertificate(
  { profile, account, caDirectory }: LoginSources,
  loginKey: LoginKey,
): Promise<FoundLogin> {
  const certificate = { method: 'certificate', principals: [account], loginKey } as const
  if (profile?.userCa !== undefined) {
    const [userCa, principals] = [profile.userCa, profile.principals]
    const half = await publicHalf(userCa, profile.userCaPassphrase)
    return half.ok
      ? { ok: true, login: { ...certificate, by: 'user-ca', userCaFile: `${userCa}.pub`, principals } }
      : { ok: false, problem: { message: `${userCa}: ${half.problem.message}`, hint: half.problem.hint } }
  }
  const userCaFile = `${caFile(caDirectory, 'user')}.pub`
  const ca = await readCaPublicKey(caDirectory, 'user')
  if (profile?.certificate === undefined) {
    if (!ca.ok && !ca.problem.missing) return { ok: false, problem: ca.problem }
    const login = { ...certificate, by: undefined, userCaFile }
    return { ok: true, login, ...(ca.ok ? {} : { missingCas: caDirectory }) }
  }
  return ca.ok
    ? { ok: true, login: { ...certificate, by: 'certificate', userCaFile } }
    : {
        ok: false,
        problem: {
          message: ca.problem.message,
          hint: 'name the directory of the CA that signed the certificate of the credentials with --ca-dir',
        },
      }
}

/** The key of the credentials; else the one that an earlier run had somebody make; else one that is to be made. */
async function findKey({
  name,
  profile,
  directory,
  keyType,
}: LoginSources): Promise<
  { readonly ok: true; readonly loginKey: LoginKey } | { readonly ok: false; readonly problem: FailureText }
> {
  if (profile?.privateKey !== undefined) {
    const found = await publicHalf(profile.privateKey, profile.passphrase)
    if (found.ok) return { ok: true, loginKey: { key: found.key, file: profile.privateKey, place: 'configured' } }
    const message = `credentials.${name}.private-key: ${profile.privateKey}: ${found.problem.message}`
    return { ok: false, problem: { message, hint: found.problem.hint } }
  }
  const file = join(directory, 'keys', profile?.agent === undefined ? `id_${keyType}` : 'agent')
  if (profile?.agent !== undefined) return { ok: true, loginKey: { file, place: 'in an agent' } }
  const made = await publicHalf(file)
  if (made.ok) return { ok: true, loginKey: { key: made.key, file, place: 'found' } }
  return { ok: true, loginKey: { file, place: 'to be made' } }
}

/** The CA of the host certificates of devices: where there is one, or where one is to be made. */
export async function findHostCa(
  { trust }: Config,
  place: { readonly directory: string; readonly caDirectory: string; readonly toBeMade: boolean },
): Promise<CaOfDevices | undefined> {
  const ca = await readCaPublicKey(place.caDirectory, 'host')
  if (!ca.ok && !place.toBeMade) return undefined
  const file = `${caFile(place.caDirectory, 'host')}.pub`
  const knownHosts = trust.knownHosts ?? join(place.directory, 'known_hosts')
  const { entries } = parseKnownHosts(await readFile(knownHosts, 'utf8').catch(() => ''))
  const trusted = entries.some(
    ({ marker, key }) => marker === 'cert-authority' && ca.ok && key.blob.equals(ca.key.blob),
  )
  return {
    directory: place.caDirectory,
    file,
    knownHosts,
    knownHostsConfigured: trust.knownHosts !== undefined,
    trusted,
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

/** A key that this command may not read is often one that the bridge may. */
function hintOf(failure: { readonly hint: string; readonly code?: string | undefined }): string {
  return fileHint(failure.code, failure.hint)
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
    : { ok: false, problem: { ...loaded.failure, hint: hintOf(loaded.failure) } }
}
