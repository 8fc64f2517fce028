import { createHmac } from 'node:crypto'

/**
 * The `HMAC:` value of a Junos initiation sequence: 40 hexadecimal digits over the announced key, keyed with the clear
 * secret.
 */
export function initiationHmac(secret: string, publicKey: string): string {
  return createHmac('sha1', secret).update(publicKey).digest('hex')
}

/** What a Junos device sends before its SSH identification, without a secret. */
export function junosPreamble(deviceId: string): Buffer {
  return Buffer.from(`MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: ${deviceId}\r\n`)
}

/**
 * The same with a secret: announces `publicKey` (`ssh-rsa AAAA…`), followed by the NUL that Junos sends, and its HMAC.
 */
export function junosSecretPreamble(deviceId: string, secret: string, publicKey: string): Buffer {
  const announced = `HOST-KEY: ${publicKey}\0\r\nHMAC: ${initiationHmac(secret, publicKey)}\r\n`
  return Buffer.concat([junosPreamble(deviceId), Buffer.from(announced)])
}
