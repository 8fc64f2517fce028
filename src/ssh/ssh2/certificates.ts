/**
 * Certificates in the key exchange and the login of ssh2, which knows none. ssh2 itself goes on checking every
 * signature of the key exchange; should its insides change, a handshake fails and none passes by mistake.
 */
import type { Client, ConnectConfig, Connection } from 'ssh2'
import { certificateAlgorithm, CERTIFICATE_ALGORITHMS } from '../certificate-algorithms.js'
import { parseCertificate } from '../certificate.js'
import { type AgreedKeyExchange, agreedKeyExchange } from '../post-quantum.js'
import { type LoginMeans, loginMeansOf } from './keys.js'
import { takeHybrids } from './hybrid-key-exchange.js'
import { isOver, onEachKeyExchange, proveBeforeJudging, refuseKeyExchange, stopOnceOver } from './key-exchange.js'
import { inside, type KeyExchange, type Protocol } from './internals.js'
import { sendPayload } from './packets.js'
import { SHA1 } from '../signature.js'
import { sshString, sshUint32 } from '../wire.js'
import { requireSsh2 } from './load.js'

const { SUPPORTED_SERVER_HOST_KEY: knownAlgorithms } = requireSsh2('ssh2/lib/protocol/constants.js') as {
  readonly SUPPORTED_SERVER_HOST_KEY: string[]
}

/** Says why a key exchange is not wanted; undefined where it is. */
export type ObjectTo = (agreed: AgreedKeyExchange) => string | undefined

/**
 * Connects a fresh ssh2 Client like its `connect()`, with certificates: `algorithms.serverHostKey` may name host
 * certificate algorithms (`hostCertificateAlgorithmsFor`), whose certificate `hostVerifier` is then given as blob, and
 * `authHandler` may give keys made by `loginKey` and `agentLoginKey`. `hostVerifier` is asked about keys whose
 * signature held; where it did not, the error has the level `HOST_KEY_SIGNATURE`. It may answer late in the first key
 * exchange, and must in a key re-exchange take only the same blob as before.
 */
export function connectClient(client: Client, config: ConnectConfig): void {
  // ssh2 refuses to offer what is not on this list; what it offers by default is on another one.
  for (const { name } of CERTIFICATE_ALGORITHMS) if (!knownAlgorithms.includes(name)) knownAlgorithms.push(name)
  client.connect(config)
  // Nothing has been read from the socket yet: ssh2 waits for a turn of the event loop.
  const protocol = inside(client)._protocol
  takeHybrids(protocol)
  onEachKeyExchange(protocol, (exchange) => {
    verifyHostCertificate(exchange)
    stopOnceOver(protocol, exchange)
  })
  proveBeforeJudging(protocol)
  refuseGlobalRequests(protocol)
  loginWithMeans(protocol, (error) => {
    client.emit('error', error)
    client.end()
  })
}

/**
 * ssh2 parses as many host keys as a server announces besides (`hostkeys-00@openssh.com`), and checks a signature of
 * each. Nobody here asks for them.
 */
function refuseGlobalRequests(protocol: Protocol): void {
  protocol._handlers['GLOBAL_REQUEST'] = (_protocol, _name, wantReply) => {
    if (wantReply === true) protocol.requestFailure()
  }
}

export interface AcceptOptions {
  /** The algorithms that logins with a key may use; the usual ones when not given. */
  readonly accepted?: readonly string[] | undefined
  /** What speaks against a key exchange that was agreed on, in words that the client reads. */
  readonly objectTo?: ObjectTo
}

/**
 * Prepares a connection of an ssh2 Server, as it begins: it can then prove the host certificates among its
 * `serverHostKeys`, and it tells the client the signature algorithms that are taken.
 */
export function acceptClient(
  connection: Connection,
  { accepted = USER_SIGNATURES, objectTo = () => undefined }: AcceptOptions = {},
): void {
  const protocol = inside(connection)._protocol
  let clientListens = false
  takeHybrids(protocol)
  onEachKeyExchange(protocol, (exchange) => {
    const objection = objectTo(agreedKeyExchange(exchange.negotiated.kex))
    if (objection !== undefined) return refuseKeyExchange(protocol, objection)
    signForHostCertificate(exchange)
    const { start } = exchange
    exchange.start = () => {
      clientListens ||= exchange.remoteExtInfoEnabled
      exchange.remoteExtInfoEnabled = false
      start.call(exchange)
    }
  })
  // The next packet after the first NEWKEYS, as RFC 8308 §2.4 asks.
  connection.once('handshake', () => {
    if (clientListens) sendPayload(protocol, extInfo(accepted))
  })
}

const USER_SIGNATURES: readonly string[] = CERTIFICATE_ALGORITHMS.map(({ signature }) => signature)

/**
 * In ssh2's own message a comma is missing, so that rsa-sha2-512 is not in it, and SHA-1 and DSA are (RFC 8308 §3.1).
 */
function extInfo(accepted: readonly string[]): Buffer {
  const signatures = accepted.filter((name) => !name.includes('-cert-')).join(',')
  return Buffer.concat([Buffer.from([7]), sshUint32(1), sshString('server-sig-algs'), sshString(signatures)])
}

/**
 * ssh2 compares the negotiated name with the type of the blob when it comes, then in `finish` with the name in the
 * signature; for a certificate those differ. `finish` takes the blob into the exchange hash, then reads the signature,
 * then verifies it with the key in the blob, which must then be the certified one.
 */
function verifyHostCertificate(exchange: KeyExchange): void {
  const { negotiated, finish } = exchange
  const algorithm = certificateAlgorithm(negotiated.serverHostKey)
  if (algorithm === undefined) return
  negotiated.serverHostKey = algorithm.type
  exchange.finish = (...rest) => {
    const parsed = parseCertificate(exchange._hostKey as Buffer)
    // A damaged certificate is left as it is, and ssh2 refuses it as a key that it does not know.
    if (!parsed.ok) return finish.apply(exchange, rest)
    negotiated.serverHostKey = algorithm.signature
    onceRead(exchange, '_sig', () => {
      exchange._hostKey = parsed.certificate.key.blob
    })
    return finish.apply(exchange, rest)
  }
}

/** Runs `then` each time that a property is read, until it is written. */
function onceRead<T extends object>(object: T, name: keyof T & string, then: () => void): void {
  const value = object[name]
  const property = { configurable: true, enumerable: true }
  Object.defineProperty(object, name, {
    ...property,
    get: () => {
      then()
      return value
    },
    set: (next: unknown) => {
      Object.defineProperty(object, name, { ...property, writable: true, value: next })
    },
  })
}

/**
 * ssh2 finds the key by the negotiated name, then writes that same name into the signature, where the plain one
 * belongs.
 */
function signForHostCertificate(exchange: KeyExchange): void {
  const { negotiated, finish } = exchange
  const algorithm = certificateAlgorithm(negotiated.serverHostKey)
  if (algorithm === undefined) return
  exchange.finish = (...rest) => {
    negotiated.serverHostKey = algorithm.signature
    try {
      return finish.apply(exchange, rest)
    } finally {
      negotiated.serverHostKey = algorithm.name
    }
  }
}

const USERAUTH_REQUEST = 50

/**
 * Logs in with keys of our own making. ssh2's own way names one algorithm for the key and its signature, signs at once,
 * and uses SHA-1 for an RSA key when the server does not say what it knows.
 * @param fail takes what ssh2 would have caught had it not had to wait for the signature
 */
function loginWithMeans(protocol: Protocol, fail: (error: unknown) => void): void {
  const original = protocol.authPK.bind(protocol)
  const serverAlgorithms = listenForServerAlgorithms(protocol)
  protocol.authPK = (username, key, algorithm, sign) => {
    const means = loginMeansOf(key)
    if (means === undefined) return original(username, key, algorithm, sign)
    const chosen = chooseAlgorithm(means, serverAlgorithms())
    // Only a key that was made for this login has it: who reads how the login went is to see what was offered.
    if (chosen?.signature === SHA1) (key as { type: string }).type = chosen.name
    // Without a signature the server is only asked whether the key would do.
    if (chosen === undefined || sign === undefined) return original(username, key, chosen?.name)
    const blob = (key as { readonly getPublicSSH: () => Buffer }).getPublicSSH()
    const request = Buffer.concat([
      Buffer.from([USERAUTH_REQUEST]),
      sshString(username),
      sshString('ssh-connection'),
      sshString('publickey'),
      Buffer.from([1]),
      sshString(chosen.name),
      sshString(blob),
    ])
    const sessionId = protocol._kex?.sessionID ?? Buffer.alloc(0)
    means
      .sign(chosen.signature, Buffer.concat([sshString(sessionId), request]))
      .then(
        (signature) => {
          if (isOver(protocol)) return
          protocol._authsQueue.push('publickey')
          sendPayload(protocol, Buffer.concat([request, sshString(signature)]))
        },
        () => {
          // As if the server had refused the key, so that the next method is tried.
          if (!isOver(protocol)) protocol._handlers['USERAUTH_FAILURE']?.(protocol, null, false)
        },
      )
      .catch(fail)
  }
}

/** The last `server-sig-algs` that the server has sent (RFC 8308 §3.1). */
function listenForServerAlgorithms(protocol: Protocol): () => readonly string[] {
  let algorithms: readonly string[] = []
  const original = protocol._handlers['EXT_INFO']
  protocol._handlers['EXT_INFO'] = (p, ...rest) => {
    const [extensions] = rest as [{ readonly name: string; readonly algs: readonly string[] }[]]
    algorithms = extensions.find(({ name }) => name === 'server-sig-algs')?.algs ?? algorithms
    original?.(p, ...rest)
  }
  return () => algorithms
}

/**
 * The best one whose signatures the server says it takes; when it says nothing of use, as OpenSSH 7.4 does, SHA-1 where
 * that is allowed, which every server knows that may sign an RSA key at all (RFC 8332 §3.3), else the best of all.
 */
function chooseAlgorithm(
  { algorithms }: LoginMeans,
  taken: readonly string[],
): LoginMeans['algorithms'][number] | undefined {
  return (
    algorithms.find(({ signature }) => taken.includes(signature)) ??
    algorithms.find(({ signature }) => signature === SHA1) ??
    algorithms[0]
  )
}
