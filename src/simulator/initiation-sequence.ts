import { createHmac } from 'node:crypto'

/**
 * What Junos sends before its SSH identification: with a secret also the host key, ended by a
 * NUL as seen on real devices, and its HMAC.
 * @param hostPublicLine `type base64`
 */
export function initiationSequence(deviceId: string, hostPublicLine: string, secret?: string): Buffer {
  const lines = ['MSG-ID: DEVICE-CONN-INFO', 'MSG-VER: V1', `DEVICE-ID: ${deviceId}`]
  if (secret !== undefined) {
    lines.push(`HOST-KEY: ${hostPublicLine}\0`, `HMAC: ${initiationHmac(secret, hostPublicLine)}`)
  }
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(''))
}

/** `hex(HMAC-SHA1(secret, "type base64"))`. */
export function initiationHmac(secret: string, hostPublicLine: string): string {
  return createHmac('sha1', secret).update(hostPublicLine).digest('hex')
}
