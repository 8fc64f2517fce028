import { type Certificate, parseCertificate } from '../ssh/certificate.js'
import { judgeCertificate } from '../ssh/judge-certificate.js'
import { fingerprintOf, keyTypeOf } from '../ssh/public-key.js'
import { nodeOfPrincipal, nodePrincipal } from './node-id.js'
import { type PeerRefusal, peerRefusal, signCommand } from './peer-refusals.js'

/** What a certificate of a node is judged by. */
export interface NodePolicy {
  /** `host` of a node that was dialled, `user` of one that dials. */
  readonly role: 'host' | 'user'
  /** Public key blobs of the cluster's CAs. */
  readonly cas: readonly Buffer[]
  readonly now: Date
  /** The id of the node that judges; undefined where it judges its own. */
  readonly self: string | undefined
  /** Which node it has to be; any but the own one where absent. */
  readonly expected?: string
}

export type NodeVerdict =
  | { readonly ok: true; readonly node: string; readonly until: Date | undefined }
  | { readonly ok: false; readonly refusal: PeerRefusal }

/** Judges a key as a peer presents it. That the peer holds the private key is for key exchange or login to prove. */
export function judgeNodeKey(blob: Buffer, policy: NodePolicy): NodeVerdict {
  if (!/-cert-v\d+@openssh\.com$/.test(keyTypeOf(blob) ?? ''))
    return no(peerRefusal('not-certified', `a plain key, ${keyTypeOf(blob) ?? 'unreadable'} ${fingerprintOf(blob)}`))
  const parsed = parseCertificate(blob)
  if (!parsed.ok) {
    const { message, hint } = parsed.failure
    return no(peerRefusal('malformed-certificate', message, hint))
  }
  return judgeNode(parsed.certificate, policy)
}

/** Which node a certificate of the cluster's CA is for, and until when. */
export function judgeNode(certificate: Certificate, { role, cas, now, self, expected }: NodePolicy): NodeVerdict {
  const verdict = judgeCertificate(certificate, { role, trustedCas: cas, now, acceptsPrincipals: () => true })
  const [principal, ...others] = certificate.principals
  const node = principal === undefined || others.length > 0 ? undefined : nodeOfPrincipal(principal)
  if (!verdict.accepted) {
    // Principals that no trusted CA has signed are anybody's words.
    const sign = signCommand(expected ?? (verdict.reason === 'untrusted-ca' ? 'ID' : (node ?? 'ID')))
    const { reason, message } = verdict
    return reason === 'revoked' ? wrongCertificate(certificate, sign) : refusedFor(reason, message, sign)
  }
  if (node === undefined) return wrongCertificate(certificate, signCommand(expected ?? 'ID'))
  if (node === self) return no(peerRefusal('own-id', node))
  if (expected !== undefined && node !== expected)
    return no(
      peerRefusal(
        'wrong-principal',
        `its certificate is for node ${node}, and node ${expected} was looked for`,
        `see whether cluster.advertise of node ${expected} leads to node ${node}, or its certificate is the wrong one`,
      ),
    )
  const seconds = certificate.validBefore
  return { ok: true, node, until: seconds > LAST_SECOND ? undefined : new Date(Number(seconds) * 1000) }
}

/** The last second that a Date can hold (ECMA-262 §21.4.1.1). */
const LAST_SECOND = 8_640_000_000_000n

type CertificateReason = Exclude<Extract<ReturnType<typeof judgeCertificate>, { accepted: false }>['reason'], 'revoked'>

function refusedFor(reason: CertificateReason, message: string, sign: string): NodeVerdict {
  const hints: Partial<Record<CertificateReason, string>> = {
    'untrusted-ca': `all nodes of a cluster have the same CA in cluster.ca; have the key signed by it: ${sign}`,
    'not-yet-valid': 'compare the clocks of the nodes and of the machine of the CA',
    expired: `have the key signed again: ${sign}; a node takes the new certificate at a reload`,
  }
  const hint = hints[reason] ?? `have the key signed again: ${sign}`
  return no(peerRefusal(reason, `its certificate: ${message}`, hint))
}

function wrongCertificate({ principals }: Certificate, sign: string): NodeVerdict {
  const named = principals.slice(0, 5).map((principal) => JSON.stringify(principal))
  return no(
    peerRefusal(
      'wrong-principal',
      `its certificate is for ${named.join(', ')}, and that of a node is for one name such as ${nodePrincipal('a')}`,
      `have the key signed for one node: ${sign}`,
    ),
  )
}

const no = (refusal: PeerRefusal): NodeVerdict => ({ ok: false, refusal })
