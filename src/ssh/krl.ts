import type { ParsedRevocations, RevocationFailure, Revocations } from './revocation.js'
import { createWireReader, type WireReader } from './wire-reader.js'

const MAGIC = Buffer.from('SSHKRL\n\0', 'latin1')
const FORMAT_VERSION = 1

const section = { certificates: 1, keys: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 } as const
const certificateSection = { serials: 0x20, range: 0x21, bitmap: 0x22, keyIds: 0x23, extension: 0x39 } as const

/** OpenSSH takes no larger bitmap (krl.c, `serial bitmap too large`). */
const LARGEST_BITMAP = 0x20000

interface Draft {
  readonly serials: Revocations['serials'][number][]
  readonly keyIds: Revocations['keyIds'][number][]
  readonly keys: Buffer[]
  readonly fingerprints: Revocations['fingerprints'][number][]
}

/** Whether a file is an OpenSSH key revocation list, and no text. */
export function isKrl(content: Buffer): boolean {
  return content.subarray(0, MAGIC.length).equals(MAGIC)
}

/**
 * Reads a key revocation list as `ssh-keygen -k` makes it (OpenSSH PROTOCOL.krl).
 * Its signature, if it has one, is not checked, like in OpenSSH since 9.4: the file is trusted for where it lies.
 */
export function parseKrl(content: Buffer): ParsedRevocations {
  // What was read is kept for long, and the caller may use its buffer again.
  const reader = createWireReader(Buffer.from(content))
  const draft: Draft = { serials: [], keyIds: [], keys: [], fingerprints: [] }
  reader.bytes(MAGIC.length)
  const version = reader.uint32()
  if (reader.failure() === undefined && version !== FORMAT_VERSION)
    return { ok: false, failure: unsupported(`its format version is ${version}`) }
  // Version of the list, time of generation, flags, reserved, comment.
  for (let i = 0; i < 3; i++) reader.uint64()
  reader.string()
  reader.string()
  while (reader.left() > 0) {
    const type = reader.uint8()
    const failure = readSection(type, createWireReader(reader.string()), draft)
    if (failure !== undefined) return { ok: false, failure }
    // Signatures end the list, and one is over everything before it.
    if (type === section.signature) break
  }
  const failure = reader.failure()
  return failure === undefined ? { ok: true, revocations: draft } : { ok: false, failure: malformed(failure) }
}

function readSection(type: number, data: WireReader, draft: Draft): RevocationFailure | undefined {
  switch (type) {
    case section.certificates:
      return readCertificates(data, draft)
    case section.keys:
      while (data.left() > 0) draft.keys.push(data.string())
      break
    case section.sha1:
      while (data.left() > 0) draft.fingerprints.push({ hash: 'sha1', digest: data.string() })
      break
    case section.sha256:
      while (data.left() > 0) draft.fingerprints.push({ hash: 'sha256', digest: data.string() })
      break
    case section.signature:
      return undefined
    case section.extension:
      return readExtension(data)
    default:
      return unsupported(`it has a section of the type ${type}`)
  }
  return failureOf(data)
}

function readCertificates(data: WireReader, draft: Draft): RevocationFailure | undefined {
  const issuer = data.string()
  const ca = issuer.length === 0 ? {} : { ca: issuer }
  // Reserved.
  data.string()
  while (data.left() > 0) {
    const type = data.uint8()
    const content = createWireReader(data.string())
    switch (type) {
      case certificateSection.serials:
        while (content.left() > 0) {
          const serial = content.uint64()
          draft.serials.push({ ...ca, from: serial, to: serial })
        }
        break
      case certificateSection.range:
        draft.serials.push({ ...ca, from: content.uint64(), to: content.uint64() })
        break
      case certificateSection.bitmap: {
        const offset = content.uint64()
        const bitmap = content.mpint()
        if (bitmap.length > LARGEST_BITMAP) return malformed('a bitmap of serials is too large')
        for (const { from, to } of runsOf(bitmap)) draft.serials.push({ ...ca, from: offset + from, to: offset + to })
        break
      }
      case certificateSection.keyIds:
        while (content.left() > 0) draft.keyIds.push({ ...ca, keyId: content.text() })
        break
      case certificateSection.extension: {
        const failure = readExtension(content)
        if (failure !== undefined) return failure
        break
      }
      default:
        return unsupported(`it has a certificate section of the type ${type}`)
    }
    const failure = failureOf(content)
    if (failure !== undefined) return failure
  }
  return failureOf(data)
}

/** The runs of set bits of a number, which is given big-endian; bit 0 is the least one. */
function* runsOf(bitmap: Buffer): Generator<{ from: bigint; to: bigint }> {
  let start: number | undefined
  const bits = bitmap.length * 8
  for (let bit = 0; bit <= bits; bit++) {
    const set = bit < bits && (((bitmap[bitmap.length - 1 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 1
    if (set) start ??= bit
    else if (start !== undefined) {
      yield { from: BigInt(start), to: BigInt(bit - 1) }
      start = undefined
    }
  }
}

/** None is known here, so a critical one makes the whole list unusable. */
function readExtension(data: WireReader): RevocationFailure | undefined {
  const name = data.text()
  const critical = data.uint8() !== 0
  data.string()
  return (
    failureOf(data) ?? (critical ? unsupported(`it has the critical extension ${JSON.stringify(name)}`) : undefined)
  )
}

function failureOf(data: WireReader): RevocationFailure | undefined {
  const failure = data.failureAtEnd()
  return failure === undefined ? undefined : malformed(failure)
}

function malformed(why: string): RevocationFailure {
  return {
    reason: 'malformed-krl',
    message: `the key revocation list is damaged: ${why}`,
    hint: 'make it again with `ssh-keygen -k`',
  }
}

function unsupported(why: string): RevocationFailure {
  return {
    reason: 'unsupported-krl',
    message: `the key revocation list cannot be used: ${why}`,
    hint: 'make it with the `ssh-keygen -k` of OpenSSH 9',
  }
}
