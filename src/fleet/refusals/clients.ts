import { type ReasonOf, type RefusalEntries, refusalsBy } from '../../lib/refusal.js'
import { proxyHeaderRefusals, unexpectedProxyHeader } from './proxy-header.js'

const SEE_HTTP_PORT = 'the HTTP API has a port of its own: endpoint.http.port'

/** A text of which the peer is told less than the log. */
interface ToldInPart {
  readonly message: string
  /** What the peer reads instead of the message. */
  readonly toPeer?: string
  readonly hint: string
}

/**
 * Why a connection to the port of clients is closed before it has a session. Where a client is told, it reads a line,
 * or the disconnect message.
 */
export const CLIENT_REFUSALS = {
  ...proxyHeaderRefusals('endpoint.ssh'),
  'proxy-header-unexpected': { told: 'nobody', text: unexpectedProxyHeader('endpoint.ssh') },
  'device-on-client-port': {
    told: 'nobody',
    text: {
      message: 'a device calls home on the port of clients',
      hint: 'let it dial the port of call-home.ssh instead, 4334 where nothing else is configured',
    },
  },
  'http-on-client-port': {
    told: 'nobody',
    text: { message: 'sent an HTTP request on the port of clients, which speaks SSH', hint: SEE_HTTP_PORT },
  },
  'tls-on-client-port': {
    told: 'nobody',
    text: { message: 'sent a TLS ClientHello on the port of clients, which speaks SSH', hint: SEE_HTTP_PORT },
  },
  penalised: {
    told: 'peer',
    text: (secondsLeft: number) => ({
      message: `connections from there are refused for ${secondsLeft} s more`,
      hint: 'they sent garbage, or did not log in, again and again; see sources.penalties',
    }),
  },
  'too-many-unauthenticated': {
    told: 'peer',
    text: {
      message: 'too many connections wait for their login already',
      hint: 'raise endpoint.ssh.max-unauthenticated if these are clients',
    },
  },
  'too-many-from-source': {
    told: 'peer',
    text: {
      message: 'too many connections from there wait for their login already',
      hint:
        'if many clients share this address, name it in sources.unlimited, or raise ' +
        'endpoint.ssh.max-unauthenticated',
    },
  },
  'gave-way': {
    told: 'nobody',
    text: {
      message: 'it sent nothing while others had no room',
      hint: 'see who dials; raise endpoint.ssh.max-unauthenticated if these are clients',
    },
  },
  /** Most clients show what the bridge offers, and none what it might. */
  'no-common-algorithm': { told: 'nobody', text: (message: string, hint: string) => ({ message, hint }) },
  'login-timeout': {
    told: 'nobody',
    text: {
      message: 'it did not log in in time',
      hint:
        'a port check looks like this, and a device that calls home here: an SSH server waits for a ' +
        'client; else raise endpoint.ssh.login-timeout',
    },
  },
  'classical-key-exchange': {
    told: 'peer',
    text: (agreed: string): ToldInPart => ({
      message: `its key exchange would be ${agreed}, which is not post-quantum`,
      toPeer:
        `post-quantum key exchange is wanted here, and yours would be ${agreed}: put mlkem768x25519-sha256 or ` +
        'sntrup761x25519-sha512 first, as OpenSSH 9 and later have them',
      hint: 'a newer client; or take endpoint.ssh.minimum-key-exchange away',
    }),
  },
  'too-many-attempts': {
    told: 'nobody',
    text: {
      message: 'too many failed authentication attempts',
      hint: 'offer the right key first, or raise endpoint.ssh.max-login-attempts',
    },
  },
  'too-many-connections': {
    told: 'peer',
    text: (ofThisUser?: number): ToldInPart =>
      ofThisUser === undefined
        ? {
            message: 'too many connections',
            toPeer: 'too many clients are connected already',
            hint: 'see who is connected, or raise endpoint.ssh.max-connections',
          }
        : {
            message:
              `this user has as many connections as one may, ${ofThisUser}; close some, or raise ` +
              'endpoint.ssh.max-connections-per-user',
            hint: 'close some, or raise endpoint.ssh.max-connections or max-connections-per-user',
          },
  },
  /** A client that has logged in and is gone without a word. */
  'client-silent': { told: 'nobody', text: (message: string) => ({ message }) },
} as const satisfies RefusalEntries

/** Why a client may not reach through its connection what it asks for (`ssh -J`). */
export const JUMP_REFUSALS = {
  'no-forwarding': {
    told: 'peer',
    text: {
      message: 'the key or certificate of this login lets nothing be reached through its connection',
      hint:
        'log in as user@device-id, or with a key without no-port-forwarding, a certificate with ' +
        'permit-port-forwarding',
    },
  },
  /** A connection that is inside another one, to a device's own port or address, or of an old client. */
  'no-jump-host': {
    told: 'peer',
    text: (where: 'device' | 'legacy') => ({
      message:
        where === 'legacy'
          ? 'the listener for old clients lets nothing be reached through its connections'
          : 'a connection for one device lets nothing be reached through it',
      hint: 'jump by a connection to the port of endpoint.ssh, logged in to with a user name alone',
    }),
  },
  'too-many-jumps': {
    told: 'peer',
    text: (open: number) => ({
      message: `as many connections through this one are open as may be: ${open}`,
      hint: 'close some, or raise endpoint.ssh.max-jumps-per-connection',
    }),
  },
  /** The client is told the same of what is no device and of a device on which it has no rights. */
  'not-a-device': {
    told: 'peer',
    text: (host: string, port: number, noRight?: string): ToldInPart => {
      const toPeer = `${JSON.stringify(host)} port ${port} is no device here, or none that you have rights on`
      const message = noRight === undefined ? toPeer : `${toPeer}: ${noRight}`
      const hint = /^self\./iu.test(host)
        ? 'after `self.` stands the id of a device that you have rights on, such as self.router1'
        : 'ask for a device id, port 830 or 22'
      return { message, toPeer, hint }
    },
  },
} as const satisfies RefusalEntries

/** Why a connection to the port of the HTTP API is closed without an answer, or with one that is not the API's. */
export const HTTP_CLIENT_REFUSALS = {
  ...proxyHeaderRefusals('endpoint.http'),
  'proxy-header-unexpected': { told: 'nobody', text: unexpectedProxyHeader('endpoint.http') },
  'ssh-on-http-port': {
    told: 'nobody',
    text: {
      message: 'SSH is spoken on the port of the HTTP API',
      hint: 'NETCONF clients dial the port of endpoint.ssh, devices that of call-home.ssh',
    },
  },
  'tls-on-http-port': {
    told: 'nobody',
    text: {
      message: 'TLS is spoken on a port that serves plain HTTP',
      hint: 'call it by http://, or give it a certificate: endpoint.http.certificate, or self-signed: true',
    },
  },
  'http-on-https-port': {
    told: 'nobody',
    text: { message: 'plain HTTP is spoken on a port that serves HTTPS', hint: 'call it by https://' },
  },
  'too-many-from-source': {
    told: 'peer',
    text: {
      message: 'too many connections from there',
      hint: 'if many clients share this address, name it in sources.unlimited; or raise endpoint.http.max-connections',
    },
  },
  'too-many-connections': {
    told: 'nobody',
    text: { message: 'too many connections', hint: 'raise endpoint.http.max-connections' },
  },
  'too-many-pipelined': {
    told: 'nobody',
    text: {
      message: 'it sends requests without end and waits for no answer',
      hint: 'let it wait for answers, or raise endpoint.http.max-pipelined-requests',
    },
  },
} as const satisfies RefusalEntries

export type ClientRefusalReason = ReasonOf<typeof CLIENT_REFUSALS>
export type JumpRefusalReason = ReasonOf<typeof JUMP_REFUSALS>
export type HttpClientRefusalReason = ReasonOf<typeof HTTP_CLIENT_REFUSALS>

export const clientRefusal = refusalsBy(CLIENT_REFUSALS)
export const jumpRefusal = refusalsBy(JUMP_REFUSALS)
export const httpClientRefusal = refusalsBy(HTTP_CLIENT_REFUSALS)

/** Whether whoever is refused for a reason is told so. */
export function isToldTo(reason: ClientRefusalReason): boolean {
  return CLIENT_REFUSALS[reason].told === 'peer'
}
