import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ParsedKey } from 'ssh2'
import { nodePrincipal } from '../../../src/cluster/node-id.js'
import { type IdentityFiles, loadNodeIdentity, type NodeIdentity } from '../../../src/cluster/node-identity.js'
import { certificateLine } from '../../../src/ssh/certificate.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { parsePrivateKey } from '../../../src/ssh/private-key.js'
import { publicKeyLine } from '../../../src/ssh/public-key.js'
import { type CertificateRequest, signCertificate } from '../../../src/ssh/sign-certificate.js'

/** What is certified otherwise than for an honest node. */
export interface CertifiedOtherwise {
  readonly by?: ParsedKey
  readonly principals?: readonly string[]
  readonly validity?: CertificateRequest['validity']
  readonly roles?: readonly ('host' | 'user')[]
}

/** A cluster's CA, and keys of nodes in a directory. */
export interface ClusterKeys {
  readonly ca: ParsedKey
  /** The files of a node, as the configuration names them. */
  readonly files: (node: string, otherwise?: CertifiedOtherwise) => IdentityFiles
  readonly identity: (node: string, otherwise?: CertifiedOtherwise) => Promise<NodeIdentity>
  readonly stop: () => void
}

export function newKey(): { readonly text: string; readonly key: ParsedKey } {
  const text = generatePrivateKey('ed25519', 'test')
  const parsed = parsePrivateKey(text)
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return { text, key: parsed.key }
}

export const FROM_NOW = (milliseconds: number) => ({
  from: new Date(Date.now() - 60_000),
  to: new Date(Date.now() + milliseconds),
})

export function makeClusterKeys(): ClusterKeys {
  const directory = mkdtempSync(join(tmpdir(), 'homeport-cluster-'))
  const { key: ca } = newKey()
  let made = 0
  const write = (name: string, text: string): string => {
    const path = join(directory, `${made}-${name}`)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const files: ClusterKeys['files'] = (node, otherwise = {}) => {
    made += 1
    const { text, key } = newKey()
    const { by = ca, principals = [nodePrincipal(node)], validity = FROM_NOW(3_600_000) } = otherwise
    const lines = (otherwise.roles ?? (['host', 'user'] as const)).map((role) => {
      const signed = signCertificate(by, { role, key: key.getPublicSSH(), keyId: node, principals, validity })
      if (!signed.ok) throw new Error(signed.failure.message)
      return certificateLine(signed.certificate)
    })
    const caLine = publicKeyLine({ type: ca.type, blob: ca.getPublicSSH() })
    return {
      node,
      key: write('node', text),
      certificate: write('node-cert.pub', `${lines.join('\n')}\n`),
      ca: write('cluster_ca.pub', `${caLine}\n`),
    }
  }
  return {
    ca,
    files,
    identity: async (node, otherwise) => {
      const loaded = await loadNodeIdentity(files(node, otherwise))
      if (!loaded.ok) throw new Error(loaded.failure.message)
      return loaded.identity
    },
    stop: () => rmSync(directory, { recursive: true, force: true }),
  }
}
