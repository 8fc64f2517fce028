import { ops } from '../../e2e/support/users.js'
import { attackSideBySide } from '../parts/attack-side-by-side.js'
import {
  type AttackedBridge,
  dial,
  hangUp,
  LIVE,
  pause,
  startAttackedBridge,
  VIEWER,
  writeInPieces,
} from '../parts/attacked-bridge.js'
import { type Random, randomFor } from '../random.js'
import { holds, type Target } from '../target.js'

const basic = (user: string): string =>
  `Authorization: Basic ${Buffer.from(`${user}:${ops.password}`).toString('base64')}\r\n`

/** Programs at the HTTP API: bodies, headers, paths, and everything around a request. */
export const http: Target = {
  name: 'http',
  about: 'the HTTP API: bodies, headers, paths, requests behind requests, hang-ups',
  remote: true,
  weight: 2,
  words: [
    basic(ops.name),
    basic(VIEWER),
    'Authorization: Bearer x\r\n',
    'GET ',
    'POST ',
    'DELETE ',
    'PATCH ',
    `/api/v1/devices/${LIVE}`,
    '/rpc',
    '/edit-config',
    '/sessions',
    '/notifications',
    '/api/v1/events',
    '/api/v1/rpc',
    '/api/v1/tokens',
    '/metrics',
    '?async=true',
    '%00',
    '%2e%2e',
    '%ff',
    '/../',
    'Content-Type: application/json\r\n',
    'Content-Type: application/xml\r\n',
    'Content-Type: application/yang-data+json\r\n',
    'Content-Length: 0\r\n',
    'Content-Length: 99999999\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Expect: 100-continue\r\n',
    'Accept: application/json\r\n',
    'Idempotency-Key: a\r\n',
    'X-Forwarded-For: 1.2.3.4\r\n',
    'Host: x\r\n',
    'Connection: close\r\n',
    'traceparent: 00-00000000000000000000000000000001-0000000000000001-01\r\n',
    'Last-Event-ID: 1\r\n',
    'Prefer: respond-async\r\n',
    '\r\n\r\n',
    '\r\n',
    '\0',
    '{"',
    '"}',
    '[',
    ']',
    '<rpc>',
    '</rpc>',
    '<get/>',
    '__proto__',
    'selector',
    '\ud83d\ude00',
    '1e999',
    'null',
  ],
  start: async () => {
    const bridge = await startAttackedBridge('pend')
    return {
      take: (input) => attackSideBySide(bridge, randomFor(input), (random) => attack(bridge, input, random)),
      stop: bridge.stop,
    }
  },
}

async function attack(bridge: AttackedBridge, input: Buffer, random: Random): Promise<void> {
  const socket = await dial(Number(new URL(bridge.httpUrl).port), random)
  let answer = ''
  socket.on('data', (bytes: Buffer) => {
    if (answer.length < 10_000) answer += bytes.toString('latin1')
  })
  const request = withLength(input, random)
  await writeInPieces(socket, random.chance(0.3) ? Buffer.concat([request, request]) : request, random)
  await pause(random.pick([0, 10, 50, 100]))
  await hangUp(socket, random)
  const failure = /^HTTP\/1\.1 500 [^]{0,2000}/m.exec(answer)?.[0]
  holds(failure === undefined, `it answers ${failure ?? ''}\nto ${request.toString('latin1').slice(0, 1500)}`)
}

/** Most inputs have another body than their Content-Length says; then the request is never looked at. */
function withLength(input: Buffer, random: Random): Buffer {
  const text = input.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end === -1 || random.chance(0.1)) return input
  const body = input.subarray(end + 4)
  const head = text.slice(0, end).replace(/^Content-Length: .*$/im, `Content-Length: ${body.length}`)
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), body])
}
