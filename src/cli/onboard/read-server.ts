import { isIPv6 } from 'node:net'
import { InvalidArgumentError } from 'commander'
import { readHost, readPort } from '../read-host.js'

/** A bridge as an option names it; without a port of its own it listens where the others do. */
export interface NamedServer {
  readonly host: string
  readonly port?: number
}

/** `HOST`, `HOST:PORT`, `[2001:db8::1]:PORT` or an IPv6 address by itself. Throws commander's error for the rest. */
export function readServer(text: string): NamedServer {
  if (isIPv6(text)) return { host: text }
  const [, bracketed, name, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text) ?? []
  if (bracketed !== undefined && !isIPv6(bracketed))
    throw new InvalidArgumentError(`Only an IPv6 address stands in brackets: ${text}.`)
  const host = readHost(bracketed ?? name ?? text)
  return port === undefined ? { host } : { host, port: readPort(port) }
}

/** Several of an option that is given several times, in their order; a device tries no server twice. */
export function addServer(text: string, before: readonly NamedServer[] = []): readonly NamedServer[] {
  const server = readServer(text)
  const same = ({ host, port }: NamedServer): boolean =>
    host.toLowerCase() === server.host.toLowerCase() && port === server.port
  if (before.some(same)) throw new InvalidArgumentError(`${text} is named twice.`)
  return [...before, server]
}
