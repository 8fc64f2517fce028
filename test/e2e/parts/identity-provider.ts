import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

export type IdentityProvider = {
  readonly issuer: string
  /** A JWT as the provider signs it, with claims in the place of its usual ones. */
  readonly sign: (claims: JWTPayload) => Promise<string>
  /** Signs with a new key from now on, and answers for no other. */
  readonly changeKey: () => Promise<void>
  /** How often its keys were asked for. */
  readonly keysAsked: () => number
  readonly stop: () => Promise<void>
}

export const audience = 'homeport'

/** An OpenID Connect issuer on the loopback address: its discovery document, its keys, and JWTs that it signs. */
export async function startIdentityProvider(): Promise<IdentityProvider> {
  let key = await makeKey(1)
  let asked = 0
  const server = createServer((request, response) => {
    const answer = (value: unknown): void =>
      void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
    if (request.url === '/.well-known/openid-configuration') return answer({ issuer, jwks_uri: `${issuer}/keys` })
    if (request.url !== '/keys') return void response.writeHead(404).end()
    asked += 1
    const { kid, publicKey } = key
    void exportJWK(publicKey).then((jwk) => answer({ keys: [{ ...jwk, kid, alg: 'RS256', use: 'sig' }] }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    issuer,
    sign: (claims) =>
      new SignJWT({
        iss: issuer,
        aud: audience,
        sub: 'subject-1',
        preferred_username: 'ivy',
        exp: Math.floor(Date.now() / 1000) + 600,
        ...claims,
      })
        .setProtectedHeader({ alg: 'RS256', kid: key.kid })
        .sign(key.privateKey),
    changeKey: async () => {
      key = await makeKey(key.number + 1)
    },
    keysAsked: () => asked,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function makeKey(number: number) {
  return { number, kid: `key-${number}`, ...(await generateKeyPair('RS256')) }
}
