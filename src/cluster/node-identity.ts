import { readFile } from 'node:fs/promises'
import type { ParsedKey, ServerConfig } from 'ssh2'
import { type Certificate, parseCertificateLine } from '../ssh/certificate.js'
import { loadPrivateKey } from '../ssh/host-keys.js'
import { parsePublicKeyLine } from '../ssh/public-key.js'
import { hostKeysFor, loginKey, serverHostKeys } from '../ssh/ssh2/keys.js'
import { judgeNode } from './judge-node.js'
import { signCommand } from './peer-refusals.js'

/** By what a node is known to its peers, and knows them. */
export interface NodeIdentity {
  readonly node: string
  /** With the host certificate, for those who dial it. */
  readonly hostKeys: ServerConfig['hostKeys']
  /** With the user certificate, for those that it dials. */
  readonly loginKey: ParsedKey
  /** Public key blobs of the cluster's CAs. */
  readonly cas: readonly Buffer[]
  /** When the first of its certificates ends; undefined where none does. */
  readonly until: Date | undefined
}

/** Where the parts of an identity are, as `cluster` of the configuration has them. */
export interface IdentityFiles {
  readonly node: string
  readonly key: string
  /** As `homeport ca sign-node` writes it: a host and a user certificate, a line each. */
  readonly certificate: string
  /** Public keys of CAs, a line each; more than one while a CA is replaced. */
  readonly ca: string
}

export type LoadedIdentity =
  | { readonly ok: true; readonly identity: NodeIdentity }
  | { readonly ok: false; readonly failure: IdentityFailure }

export interface IdentityFailure {
  readonly file: string
  readonly message: string
  readonly hint: string
}

/** The only algorithm by which nodes know each other. */
export const NODE_KEY_ALGORITHM = 'ssh-ed25519-cert-v01@openssh.com'

/** Reads the key of this node, its certificates and the cluster's CA, and judges them as a peer would. */
export async function loadNodeIdentity(files: IdentityFiles, now = new Date()): Promise<LoadedIdentity> {
  const { node } = files
  const key = await loadPrivateKey(files.key)
  if (!key.ok) return failed(files.key, key.failure.message, key.failure.hint)
  const cas = await readCas(files.ca)
  if (!cas.ok) return cas
  const certificates = await readCertificates(files.certificate)
  if (!certificates.ok) return certificates
  const made: { -readonly [Role in 'host' | 'user']?: Certificate } = {}
  let until: Date | undefined
  for (const role of ['host', 'user'] as const) {
    const certificate = certificates.certificates.find((one) => one.role === role)
    if (certificate === undefined)
      return failed(files.certificate, `there is no ${role} certificate in it`, `make both with ${signCommand(node)}`)
    if (certificate.type !== NODE_KEY_ALGORITHM)
      return failed(
        files.certificate,
        `it is of type ${certificate.type}`,
        'nodes know each other by Ed25519 keys alone',
      )
    const verdict = judgeNode(certificate, { role, cas: cas.cas, now, self: undefined, expected: node })
    if (!verdict.ok) {
      const { reason, message } = verdict.refusal
      const hint =
        reason === 'wrong-principal'
          ? `cluster.node is ${node}: have the key signed for it, ${signCommand(node)}, or name the certificate that is`
          : verdict.refusal.hint
      return failed(files.certificate, `the ${role} certificate would be refused: ${message}`, hint)
    }
    if (verdict.until !== undefined && (until === undefined || verdict.until < until)) until = verdict.until
    made[role] = certificate
  }
  const hostKeys = serverHostKeys([{ key: key.key, ...(made.host === undefined ? {} : { certificates: [made.host] }) }])
  if (!hostKeys.ok) return failed(files.certificate, hostKeys.failure.message, hostKeys.failure.hint)
  const login = loginKey(key.key, made.user)
  if (!login.ok) return failed(files.certificate, login.failure.message, login.failure.hint)
  return {
    ok: true,
    identity: {
      node,
      // Without the plain key: whoever knows no certificates is no node.
      hostKeys: hostKeysFor(hostKeys.hostKeys, [NODE_KEY_ALGORITHM]),
      loginKey: login.key,
      cas: cas.cas,
      until,
    },
  }
}

async function readCas(
  file: string,
): Promise<{ readonly ok: true; readonly cas: readonly Buffer[] } | Extract<LoadedIdentity, { readonly ok: false }>> {
  const text = await linesOf(file, 'copy cluster_ca.pub here from where `homeport ca init --cluster` made it')
  if (!text.ok) return text
  const cas: Buffer[] = []
  for (const line of text.lines) {
    const parsed = parsePublicKeyLine(line)
    if (!parsed.ok) return failed(file, parsed.failure.message, parsed.failure.hint)
    cas.push(parsed.key.blob)
  }
  if (cas.length > 0) return { ok: true, cas }
  return failed(file, 'there is no key in it', 'copy cluster_ca.pub of the CA here')
}

async function readCertificates(
  file: string,
): Promise<
  { readonly ok: true; readonly certificates: readonly Certificate[] } | Extract<LoadedIdentity, { readonly ok: false }>
> {
  const text = await linesOf(file, 'copy node-cert.pub here from where `homeport ca sign-node` made it')
  if (!text.ok) return text
  const certificates: Certificate[] = []
  for (const line of text.lines) {
    const parsed = parseCertificateLine(line)
    if (!parsed.ok) return failed(file, parsed.failure.message, parsed.failure.hint)
    certificates.push(parsed.certificate)
  }
  return { ok: true, certificates }
}

async function linesOf(
  file: string,
  bring: string,
): Promise<{ readonly ok: true; readonly lines: readonly string[] } | Extract<LoadedIdentity, { readonly ok: false }>> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim())
    return { ok: true, lines: lines.filter((line) => line !== '' && !line.startsWith('#')) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT'
      ? failed(file, 'there is no such file', bring)
      : failed(file, `it cannot be read (${code ?? String(error)})`, 'let the user of the bridge read it')
  }
}

function failed(file: string, message: string, hint: string): Extract<LoadedIdentity, { readonly ok: false }> {
  return { ok: false, failure: { file, message: `${file}: ${message}`, hint } }
}
