import { clientRefusal } from '../../fleet/refusals/clients.js'
import type { Refusal } from '../../lib/refusal.js'
import { isProxyHeader } from '../../net/proxy-protocol/header.js'
import { WORD_OF } from '../../ssh/first-bytes.js'

/** Somebody who dialled the port of clients and is none. */
export type WrongCaller = Refusal<`${'device' | 'http' | 'tls'}-on-client-port` | 'proxy-header-unexpected'>

/**
 * Says who dialled, from what came first: a device that calls home (a Junos initiation sequence, or an SSH server that
 * shows itself as one), HTTP, TLS, or a load balancer that nobody named. Undefined where nothing tells a client from
 * that.
 */
export function recogniseWrongCaller(bytes: Buffer): WrongCaller | undefined {
  if (isProxyHeader(bytes)) return clientRefusal('proxy-header-unexpected')
  if (bytes[0] === 0x16 && bytes[1] === 0x03) return clientRefusal('tls-on-client-port')
  const text = bytes.toString('latin1')
  if (/^(GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PATCH|PRI) /.test(text)) return clientRefusal('http-on-client-port')
  if (/^\s*(MSG-ID|MSG-VER|DEVICE-ID|HOST-KEY|HMAC)\s*:/im.test(text)) return clientRefusal('device-on-client-port')
  if (/^\s*<(version|identity)>/.test(text)) return clientRefusal('device-on-client-port')
  return text.includes(WORD_OF.server) ? clientRefusal('device-on-client-port') : undefined
}
