import { createPrivateKey, generateKeyPair, randomBytes, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import forge from 'node-forge'

/** A private key and the certificate that it signed for itself, in PEM. */
export interface SelfSigned {
  readonly key: string
  readonly certificate: string
}

const DAY = 24 * 60 * 60 * 1000
/** Days that it is good for, and left of them when a new one is made. */
const VALIDITY = 825
const RENEWAL = 30
/** A client's clock may be behind ours. */
const leeway = DAY

/** A new RSA key, in PEM. */
export async function generateTlsKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/**
 * A certificate that a key signs for itself, for these host names and addresses.
 * It is no CA: whoever trusts it trusts this one server alone.
 */
export function signForItself(key: string, names: readonly string[], now: Date): string {
  const privateKey = forge.pki.privateKeyFromPem(key)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e)
  // A positive number of 16 bytes (RFC 5280 §4.1.2.2).
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`
  certificate.validity.notBefore = new Date(now.getTime() - leeway)
  certificate.validity.notAfter = new Date(now.getTime() + VALIDITY * DAY)
  const subject = [{ name: 'commonName', value: 'Homeport' }]
  certificate.setSubject(subject)
  certificate.setIssuer(subject)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: names.map(alternativeName) },
    { name: 'subjectKeyIdentifier' },
  ])
  certificate.sign(privateKey, forge.md.sha256.create())
  return forge.pki.certificateToPem(certificate)
}

/**
 * Why a certificate has to be made anew, or undefined when it will do: it is of this key, for these names, and good for
 * a while yet.
 */
export function whyMadeAnew(
  { key, certificate }: SelfSigned,
  names: readonly string[],
  now: Date,
): 'unreadable' | 'expires' | 'names' | undefined {
  try {
    const parsed = new X509Certificate(certificate)
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return 'unreadable'
    if (Date.parse(parsed.validTo) - now.getTime() < RENEWAL * DAY) return 'expires'
    const covered = names.every(
      (name) => (isIP(name) === 0 ? parsed.checkHost(name) : parsed.checkIP(name)) !== undefined,
    )
    return covered ? undefined : 'names'
  } catch {
    return 'unreadable'
  }
}

/** The types are those of GeneralName (RFC 5280 §4.2.1.6): 2 a DNS name, 7 an address. */
function alternativeName(name: string): object {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }
}
