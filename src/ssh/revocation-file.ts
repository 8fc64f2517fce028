import { createHash } from 'node:crypto'
import { parseCertificateLine } from './certificate.js'
import { isKrl, parseKrl } from './krl.js'
import { parseFingerprint, parsePublicKeyLine } from './public-key.js'
import { joinRevocations, nothingRevoked, type ParsedRevocations, type Revocations } from './revocation.js'

/**
 * Reads a revocation file: an OpenSSH KRL, or text as `ssh-keygen -k` takes it (ssh-keygen(1), KEY REVOCATION LISTS)
 * with `serial: 7`, `serial: 7-9`, `id: router1`, `sha1: …`, `sha256: …`, `key: …` and bare public key lines. A
 * certificate line revokes its certificate, by serial or else by key id.
 * @param ca the CA whose serials and key ids a text names; any when not given
 */
export function parseRevocations(content: Buffer, ca?: Buffer): ParsedRevocations {
  if (isKrl(content)) return parseKrl(content)
  const lists: Revocations[] = []
  for (const [index, line] of content.toString('utf8').split('\n').entries()) {
    const text = line.replace(/^\s*#.*$/, '').trim()
    if (text === '') continue
    const list = parseLine(text, ca)
    if (list === undefined) return malformedLine(index + 1)
    lists.push(list)
  }
  return { ok: true, revocations: joinRevocations(lists) }
}

function parseLine(text: string, ca: Buffer | undefined): Revocations | undefined {
  const [, word, rest = text] = /^(serial|id|key|sha1|sha256|hash)\s*:\s*(.*)$/i.exec(text) ?? []
  const issuer = ca === undefined ? {} : { ca }
  switch (word?.toLowerCase()) {
    case 'serial': {
      const serials = parseSerials(rest)
      return serials === undefined ? undefined : { ...nothingRevoked, serials: [{ ...issuer, ...serials }] }
    }
    case 'id':
      return { ...nothingRevoked, keyIds: [{ ...issuer, keyId: rest }] }
    case 'sha1':
      return parseKeyLine(rest, 'sha1')
    case 'sha256':
      return parseKeyLine(rest, 'sha256')
    case 'hash': {
      const fingerprint = parseFingerprint(rest)
      if (fingerprint === undefined) return undefined
      const digest = Buffer.from(fingerprint.slice('SHA256:'.length), 'base64')
      return { ...nothingRevoked, fingerprints: [{ hash: 'sha256', digest }] }
    }
    default:
      return parseKeyLine(rest)
  }
}

function parseKeyLine(text: string, hash?: 'sha1' | 'sha256'): Revocations | undefined {
  const certificate = parseCertificateLine(text)
  if (certificate.ok && hash === undefined) {
    const { ca, serial, keyId } = certificate.certificate
    return serial === 0n
      ? { ...nothingRevoked, keyIds: [{ ca: ca.blob, keyId }] }
      : { ...nothingRevoked, serials: [{ ca: ca.blob, from: serial, to: serial }] }
  }
  const parsed = parsePublicKeyLine(text)
  if (!parsed.ok) return undefined
  const blob = certificate.ok ? certificate.certificate.key.blob : parsed.key.blob
  return hash === undefined
    ? { ...nothingRevoked, keys: [blob] }
    : { ...nothingRevoked, fingerprints: [{ hash, digest: createHash(hash).update(blob).digest() }] }
}

const LARGEST_SERIAL = 0xffff_ffff_ffff_ffffn

function parseSerials(text: string): { from: bigint; to: bigint } | undefined {
  const [, first, last = first] =
    /^(0x[0-9a-f]{1,16}|\d{1,20})(?:\s*-\s*(0x[0-9a-f]{1,16}|\d{1,20}))?$/i.exec(text) ?? []
  if (first === undefined || last === undefined) return undefined
  const [from, to] = [BigInt(first), BigInt(last)]
  return from <= to && to <= LARGEST_SERIAL ? { from, to } : undefined
}

function malformedLine(line: number): ParsedRevocations {
  return {
    ok: false,
    failure: {
      reason: 'malformed-revocation-line',
      message: `line ${line} is no revocation`,
      hint:
        'write `serial: 7-9`, `id: router1`, `sha256: ssh-ed25519 AAAA…` or a public key line, ' +
        'or give a file made by `ssh-keygen -k`',
    },
  }
}
