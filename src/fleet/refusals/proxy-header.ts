/** A listener that load balancers may dial, by the section of its configuration. */
export type ProxiedListener = 'call-home.ssh' | 'endpoint.ssh' | 'endpoint.http'

/**
 * Why a connection from a load balancer is not taken: its header of the PROXY protocol is not as it must be. The source
 * is the balancer's then, which is never penalised.
 */
export function proxyHeaderRefusals(at: ProxiedListener) {
  return {
    'proxy-header-missing': {
      told: 'nobody',
      text: (found: string) => ({
        message: `sent ${found} without a PROXY header before it`,
        hint:
          `connections from the addresses in ${at}.proxy-protocol.from must begin with one: switch it on at the load ` +
          'balancer (haproxy: send-proxy-v2 on the line of the server), or take the address out of the list',
      }),
    },
    'proxy-header-malformed': {
      told: 'nobody',
      text: (how: string) => ({
        message: `sent a PROXY header that is of no use: ${how}`,
        hint: `see what the load balancer in ${at}.proxy-protocol.from is told to send: version 1 or 2, of TCP over IP`,
      }),
    },
    'proxy-header-timeout': {
      told: 'nobody',
      text: (time: string) => ({
        message: `sent no whole PROXY header for ${time}`,
        hint: `the load balancer must send it at once; ${at}.proxy-protocol.timeout bounds this wait`,
      }),
    },
    'too-many-proxied': {
      told: 'nobody',
      overload: true,
      text: (held: string) => ({
        message: `no PROXY header has come yet on ${held} from there`,
        hint: `see what holds its headers back, or raise ${at}.proxy-protocol.max-waiting`,
      }),
    },
  } as const
}

/** Of somebody who is not in the list. */
export const unexpectedProxyHeader = (at: ProxiedListener) => ({
  message: 'sent a PROXY header, and its address is not one from where they are taken',
  hint: `if it is a load balancer of yours, name its address in ${at}.proxy-protocol.from`,
})
