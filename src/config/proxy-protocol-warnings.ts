import { contains, type Network, parseNetwork } from '../net/ip.js'
import type { ConfigError } from './config-error.js'
import type { Config } from './schema.js'

/**
 * The shortest prefixes that a list of load balancers has for a reason: all of `10.0.0.0/8`, or of `fc00::/7`. Whoever
 * is within a network says himself where he comes from.
 */
const SHORTEST_PREFIX = { ipv4: 8, ipv6: 7 } as const

/** What is hardly meant in the lists of load balancers. */
export function proxyProtocolWarnings({ callHome, endpoint }: Config): readonly ConfigError[] {
  const { ssh, http } = endpoint
  return [
    ...ofList(['call-home', 'ssh'], callHome.ssh.proxyProtocol.from),
    ...ofList(['endpoint', 'ssh'], ssh.proxyProtocol.from),
    ...ofList(['endpoint', 'http'], http.proxyProtocol.from),
    ...twoWaysToTell(http.proxyProtocol.from, http.trustedProxies),
  ]
}

function ofList(listener: readonly string[], from: readonly string[]): readonly ConfigError[] {
  return from.flatMap((written, at): readonly ConfigError[] => {
    const network = checked(written)
    const path = [...listener, 'proxy-protocol', 'from', at]
    if (network.prefix < SHORTEST_PREFIX[network.family])
      return [
        {
          path,
          message:
            'so many addresses may say where they come from, which limits, `from=` of keys and the audit log ' +
            'believe; and none of them gets in without a PROXY header',
          hint: 'name the load balancers alone, such as `10.0.0.5`',
        },
      ]
    const around = from.findIndex(
      (other, index) =>
        index !== at && contains(checked(other), network) && (index < at || !contains(network, checked(other))),
    )
    return around === -1
      ? []
      : [{ path, message: `lies within \`${from[around]}\` of this list`, hint: 'remove one of the two' }]
  })
}

/** A proxy whose word comes in a header of HTTP has to say who it is, first, by one of the PROXY protocol. */
function twoWaysToTell(from: readonly string[], trustedProxies: readonly string[]): readonly ConfigError[] {
  return trustedProxies.flatMap((written, at): readonly ConfigError[] => {
    const balancers = from.find((other) => contains(checked(other), checked(written)))
    if (balancers === undefined) return []
    return [
      {
        path: ['endpoint', 'http', 'trusted-proxies', at],
        message:
          `lies within \`${balancers}\` of \`proxy-protocol.from\`: its connections must begin with a PROXY header, ` +
          'and its X-Forwarded-For counts only where such a header names it as the source',
        hint: 'let a proxy tell the source in one of the two ways',
      },
    ]
  })
}

function checked(written: string): Network {
  const network = parseNetwork(written)
  if (network === undefined) throw new TypeError('the schema has checked it')
  return network
}
