import { isIP } from 'node:net'
import { InvalidArgumentError } from 'commander'
import { isHostName } from '../net/host-name.js'

/** A host name or an address, as an option of a command. */
export function readHost(text: string): string {
  if (isIP(text) !== 0 || isHostName(text)) return text
  throw new InvalidArgumentError('Give a host name or an IP address, an IPv6 one without brackets.')
}

export function readPort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new InvalidArgumentError('Give a port from 1 to 65535.')
}
