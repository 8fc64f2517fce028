import type { IncomingMessage } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { plainAddress } from '../../../net/ip.js'
import { type NetworkList, networkList } from '../../../net/network-list.js'
import { proxiedBy } from '../../../net/proxy-protocol/proxied.js'
import { hostAndPort, sourceOf } from '../../../net/source.js'

/** Where a call comes from, and how. */
export interface Peer {
  /** `address:port` of the client, without the port where only a proxy knows it. */
  readonly source: string
  /** The same as an address alone, for what is counted by address. */
  readonly address: string
  /**
   * Whether nobody on the way could read or change it: TLS, or never left this machine. A password and a token want
   * that.
   */
  readonly secure: boolean
  /** Whether a trusted proxy passed it on. */
  readonly proxied: boolean
}

/** Whose word is taken for where a call came from, and in which header it stands. */
export interface ProxyTrust {
  readonly trusted: NetworkList
  readonly header: 'x-forwarded' | 'forwarded'
}

/** Reads addresses and networks in CIDR form, as the configuration has checked them. */
export function proxyTrust(networks: readonly string[], header: ProxyTrust['header']): ProxyTrust {
  return { trusted: networkList(networks), header }
}

/** Where a call comes from: the other end of its connection, or the client that trusted proxies name. */
export function peerOf({ socket, headers }: IncomingMessage, { trusted, header }: ProxyTrust): Peer {
  const theirs = plainAddress(socket.remoteAddress ?? '')
  const direct: Peer = {
    source: sourceOf(socket),
    address: theirs,
    secure: (socket as Partial<TLSSocket>).encrypted === true || staysHere(socket),
    proxied: false,
  }
  const forwards = header === 'forwarded' ? headers.forwarded : headers['x-forwarded-for']
  if (forwards === undefined || !trusted(theirs)) return direct
  const { hops, protocols } = header === 'forwarded' ? forwarded(headers.forwarded) : xForwarded(headers)
  // Everybody but the last proxy may have been lied to: what counts is the first hop, from here, that nobody vouches
  // for.
  const client = hops.toReversed().find(({ address }) => !trusted(address)) ?? hops[0]
  if (client === undefined) return direct
  return {
    source: client.port === undefined ? client.address : hostAndPort(client.address, client.port),
    address: client.address,
    secure:
      protocols.length === 0
        ? direct.secure && isLoopback(client.address)
        : protocols.every((protocol) => protocol === 'https'),
    proxied: true,
  }
}

/** Whether a connection never leaves this machine, on either side of a load balancer. */
function staysHere(socket: Socket): boolean {
  const wire = proxiedBy(socket)?.wire ?? socket
  return [socket, wire].every(
    ({ localAddress = '', remoteAddress = '' }) =>
      isLoopback(plainAddress(localAddress)) && isLoopback(plainAddress(remoteAddress)),
  )
}

/** Whether an address never leaves this machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address)
}

interface Forwarding {
  readonly hops: readonly { readonly address: string; readonly port?: number }[]
  readonly protocols: readonly string[]
}

function xForwarded(headers: IncomingMessage['headers']): Forwarding {
  return {
    hops: itemsOf(headers['x-forwarded-for']).map(hopOf),
    protocols: itemsOf(headers['x-forwarded-proto']).map((protocol) => protocol.toLowerCase()),
  }
}

/** RFC 7239: `for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"`. */
function forwarded(header: string | undefined): Forwarding {
  const elements = itemsOf(header).map((element) => {
    const pairs = element.split(';').map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return [
        name.trim().toLowerCase(),
        value
          .join('=')
          .trim()
          .replace(/^"(.*)"$/, '$1'),
      ] as const
    })
    return new Map(pairs)
  })
  return {
    hops: elements.map((element) => hopOf(element.get('for') ?? 'unknown')),
    protocols: elements.flatMap((element) => element.get('proto')?.toLowerCase() ?? []),
  }
}

function itemsOf(header: string | readonly string[] | undefined): readonly string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',')
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** An address with or without port. What is no address (`unknown`, `_hidden`) is nobody's, and so nobody trusts it. */
function hopOf(text: string): Forwarding['hops'][number] {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const address = plainAddress(bracketed ?? plain ?? text)
  if (isIP(address) === 0) return { address: 'unknown' }
  return port === undefined ? { address } : { address, port: Number(port) }
}
