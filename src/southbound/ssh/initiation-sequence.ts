import { type ParsedPublicKey, parsePublicKeyLine } from '../../ssh/public-key.js'
import type { Claim } from '../../trust/claim.js'
import { type DeviceIdFault, faultOfDeviceId } from '../../trust/device-id.js'
import { callHomeRefusal, type CallHomeRefusal } from '../../fleet/refusals/call-home.js'
import { isProxyHeader } from '../../net/proxy-protocol/header.js'

/** No initiation sequence is longer than this many bytes. */
export const MAX_INITIATION_LENGTH = 8 * 1024

/** What the bytes that a device has sent so far amount to. */
export type Initiation =
  | { readonly state: 'incomplete' }
  /** A Calix `<identity>`, which waits for an `<ack>` before SSH starts after `length` bytes. */
  | { readonly state: 'awaits-ack'; readonly claim: Claim; readonly length: number }
  /** The SSH identification starts after `length` bytes. */
  | { readonly state: 'complete'; readonly claim: Claim; readonly length: number }
  | { readonly state: 'refused'; readonly refusal: CallHomeRefusal }

/**
 * Reads what a device sends before its SSH identification: a Junos initiation sequence in every form that was seen, a
 * Calix identity, or nothing (RFC 8071; other lines before the identification are legal, RFC 4253 §4.2). Call it again
 * with all bytes whenever more have come.
 */
export function readInitiation(bytes: Buffer): Initiation {
  const stranger = recogniseStranger(bytes)
  if (stranger !== undefined) return refused(stranger)
  const identification = startOfIdentification(bytes)
  const identityEnd = endOfCalixIdentity(bytes)
  // Whichever comes first counts, so that the answer does not depend on how the bytes were split.
  if (identityEnd !== undefined && identityEnd <= Math.min(identification ?? Infinity, MAX_INITIATION_LENGTH))
    return calixIdentity(bytes, identityEnd)
  if (identification !== undefined && identification <= MAX_INITIATION_LENGTH) return complete(bytes, identification)
  if (bytes.length >= MAX_INITIATION_LENGTH + SSH_DASH.length)
    return refused(callHomeRefusal('initiation-too-long', MAX_INITIATION_LENGTH))
  return { state: 'incomplete' }
}

function complete(bytes: Buffer, length: number): Initiation {
  if (length === 0) return { state: 'complete', claim: { form: 'none', deviceIds: [] }, length }
  const preamble = decodeUtf8(bytes.subarray(0, length))
  if (preamble === undefined) return malformed('its initiation sequence is not UTF-8', DEVICE_ID_HINT)
  const ids = valuesOf(preamble, 'DEVICE-ID')
  const [id, another] = [...new Set(ids)]
  if (id === undefined) return { state: 'complete', claim: { form: 'none', deviceIds: [] }, length }
  if (another !== undefined) return malformed('its initiation sequence names two device ids', DEVICE_ID_HINT)
  const fault = faultOfDeviceId(id)
  if (fault !== undefined) return refuseDeviceId(fault)
  const hostKey = announcedHostKey(valuesOf(preamble, 'HOST-KEY')[0])
  if (hostKey?.ok === false) return malformed(`its HOST-KEY is ${hostKey.failure.message}`, hostKey.failure.hint, id)
  const hmac = valuesOf(preamble, 'HMAC')[0]
  const claim: Claim = {
    form: 'junos',
    deviceIds: [id],
    ...(hostKey === undefined ? {} : { hostKey: hostKey.key }),
    ...(hmac === undefined ? {} : { hmac }),
  }
  return { state: 'complete', claim, length }
}

function refuseDeviceId({ fault, rule, why }: DeviceIdFault): Initiation {
  const reason = why === undefined ? '' : ` (${why})`
  return malformed(`its device id ${fault}`, `${DEVICE_ID_HINT}: a device id ${rule}${reason}`)
}

const DEVICE_ID_HINT = 'look at `device-id` in the outbound-ssh configuration of the device'

/**
 * The values of a key in lines `KEY: value`; colons and spaces around the value do not count (`DEVICE-ID: : r1` was
 * documented).
 */
function valuesOf(preamble: string, key: string): string[] {
  return preamble
    .split('\n')
    .map((line) => line.replaceAll('\0', '').replaceAll('\r', '').trim())
    .map((line) => [line.indexOf(':'), line] as const)
    .filter(([colon, line]) => line.slice(0, Math.max(colon, 0)).trimEnd().toUpperCase() === key)
    .map(([colon, line]) => line.slice(colon).replace(/^[:\s]+/, ''))
    .filter((value) => value !== '')
}

function announcedHostKey(value: string | undefined): ParsedPublicKey | undefined {
  return value === undefined ? undefined : parsePublicKeyLine(value)
}

/** The offset of a line that starts with `SSH-`. */
function startOfIdentification(bytes: Buffer): number | undefined {
  if (bytes.subarray(0, 4).equals(SSH_DASH)) return 0
  const at = bytes.indexOf('\nSSH-', 0, 'latin1')
  return at === -1 ? undefined : at + 1
}

const SSH_DASH = Buffer.from('SSH-')

function endOfCalixIdentity(bytes: Buffer): number | undefined {
  if (!/^\s*</.test(bytes.toString('latin1', 0, 64))) return undefined
  const at = bytes.indexOf('</identity>', 0, 'latin1')
  return at === -1 ? undefined : at + '</identity>'.length
}

/**
 * `<version>1</version><identity><mac>…</mac><serial-number>…</serial-number>…</identity>`: the one form seen, so read
 * by tag name alone.
 */
function calixIdentity(bytes: Buffer, length: number): Initiation {
  const identity = decodeUtf8(bytes.subarray(0, length)) ?? ''
  const written = ['serial-number', 'mac']
    // Spaces are trimmed outside the expression, which must not take long over an identity that is made of them.
    .map((tag) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(identity)?.[1]?.trim())
    .filter((id): id is string => id !== undefined && id !== '')
  const deviceIds = written.filter((id) => faultOfDeviceId(id) === undefined)
  const fault = written[0] === undefined ? undefined : faultOfDeviceId(written[0])
  if (deviceIds.length === 0 && fault !== undefined) return refuseDeviceId(fault)
  if (deviceIds.length === 0)
    return malformed(
      'its <identity> holds neither a serial-number nor a mac',
      'one of the two is taken as the device id',
    )
  return { state: 'awaits-ack', claim: { form: 'calix', deviceIds }, length }
}

function recogniseStranger(bytes: Buffer): CallHomeRefusal | undefined {
  if (isProxyHeader(bytes)) return callHomeRefusal('proxy-header-unexpected')
  if (isClientHello(bytes)) return callHomeRefusal('not-ssh', 'a TLS ClientHello')
  return isHttpRequest(bytes) ? callHomeRefusal('not-ssh', 'an HTTP request') : undefined
}

/** Whether these look like what devices send before SSH: lines of Junos, or the identity of Calix. */
export function beginsInitiation(bytes: Buffer): boolean {
  return BEGINNING.test(bytes.toString('latin1', 0, 64))
}

const BEGINNING = /^[\s\0]*(?:(?:MSG-ID|MSG-VER|DEVICE-ID|HOST-KEY|HMAC)\s*:|<(?:version|identity)>)/i

/** The device id that the whole lines of an initiation sequence name which has not come to its end. */
export function claimedSoFar(bytes: Buffer): string | undefined {
  if (!beginsInitiation(bytes)) return undefined
  const lines = decodeUtf8(bytes.subarray(0, bytes.lastIndexOf('\n') + 1)) ?? ''
  const [id, another] = [...new Set(valuesOf(lines, 'DEVICE-ID'))]
  return id !== undefined && another === undefined && faultOfDeviceId(id) === undefined ? id : undefined
}

export function isClientHello(bytes: Buffer): boolean {
  return bytes[0] === 0x16 && bytes[1] === 0x03
}

export function isHttpRequest(bytes: Buffer): boolean {
  return /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PATCH|PRI) /.test(bytes.toString('latin1', 0, 16))
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function malformed(message: string, hint: string, deviceId?: string): Initiation {
  return refused({
    ...callHomeRefusal('initiation-malformed', message, hint),
    ...(deviceId === undefined ? {} : { deviceId }),
  })
}

function refused(refusal: CallHomeRefusal): Initiation {
  return { state: 'refused', refusal }
}
