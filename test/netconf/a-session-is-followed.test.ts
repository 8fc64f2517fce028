import { describe, expect, it } from 'vitest'
import { CAPABILITY } from '../../src/netconf/capabilities.js'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../src/netconf/framing/framing.js'
import { buildHello } from '../../src/netconf/hello.js'
import { createSessionScanner } from '../../src/netconf/framing/session-scanner.js'
import { serialiseXml } from '../../src/netconf/xml/xml-serialise.js'

const { base10, base11 } = CAPABILITY

function hello(...capabilities: string[]): string {
  return serialiseXml(buildHello({ capabilities }))
}

function follow() {
  const told: string[] = []
  const scanner = createSessionScanner({
    headSize: 100,
    onMessage: (side, { head }) => told.push(`${side}: ${head.toString()}`),
    onBroken: (side, { kind }) => told.push(`${side} broke: ${kind}`),
  })
  return { told, scanner }
}

function greeting(text: string): Buffer {
  return encodeFrame('end-of-message', text)
}

describe.each([
  ['both can chunk', [base10, base11], [base11], 'chunked'],
  ['the client cannot', [base10], [base10, base11], 'end-of-message'],
  ['the device cannot', [base10, base11], [base10], 'end-of-message'],
  [
    'they spell it as Junos does',
    ['urn:ietf:params:xml:ns:netconf:base:1.1'],
    ['urn:ietf:params:xml:ns:netconf:base:1.1'],
    'chunked',
  ],
] as const)('when %s', (_, ofClient, ofServer, framing: Framing) => {
  const client = Buffer.concat([
    greeting(hello(...ofClient)),
    encodeFrame(framing, '<rpc message-id="1"/>', { chunkSize: 9 }),
  ])
  const server = Buffer.concat([
    greeting(`<!-- a banner -->\n${hello(...ofServer)}`),
    encodeFrame(framing, '<rpc-reply/>', { chunkSize: 5 }),
  ])
  const all = ['client: <rpc message-id="1"/>', 'server: <rpc-reply/>']

  it('messages after the hellos are told, whichever hello comes first', () => {
    const clientFirst = follow()
    clientFirst.scanner.fromClient(client)
    clientFirst.scanner.fromServer(server)
    expect(clientFirst.told.toSorted()).toEqual(all)
    const serverFirst = follow()
    serverFirst.scanner.fromServer(server)
    serverFirst.scanner.fromClient(client)
    expect(serverFirst.told.toSorted()).toEqual(all)
  })

  it('at whatever octets the two directions are split and interleaved', () => {
    for (let cut = 0; cut <= client.length; cut += 1)
      for (let other = 0; other <= server.length; other += 53) {
        const { told, scanner } = follow()
        scanner.fromClient(client.subarray(0, cut))
        scanner.fromServer(server.subarray(0, other))
        scanner.fromClient(client.subarray(cut))
        scanner.fromServer(server.subarray(other))
        expect(told.toSorted(), `${cut} ${other}`).toEqual(all)
      }
  })
})

it('a client without a hello, which Junos lets pass, is followed from its first request on', () => {
  const { told, scanner } = follow()
  scanner.fromClient(Buffer.from(`<rpc><get>${base11}</get></rpc>]]>]]><rpc><lock/></rpc>]]>]]>`))
  scanner.fromServer(Buffer.concat([greeting(hello(base11)), greeting('<rpc-reply/>')]))
  expect(told).toEqual([
    `client: <rpc><get>${base11}</get></rpc>`,
    'client: <rpc><lock/></rpc>',
    'server: <rpc-reply/>',
  ])
})

it('a hello that is not well-formed counts for what it seems to say', () => {
  const { told, scanner } = follow()
  scanner.fromClient(Buffer.from(`<hello><capability>${base11}</capability>]]>]]>\n#6\n<rpc/>\n##\n`))
  scanner.fromServer(greeting(hello(base11)))
  expect(told).toEqual(['client: <rpc/>'])
})

it('broken framing of one side is told once and leaves the other side alone', () => {
  const { told, scanner } = follow()
  scanner.fromClient(greeting(hello(base11)))
  scanner.fromServer(greeting(hello(base11)))
  scanner.fromClient(Buffer.from('<rpc/>]]>]]>'))
  scanner.fromClient(Buffer.from('<rpc/>]]>]]>'))
  scanner.fromServer(encodeFrame('chunked', '<rpc-reply/>'))
  expect(told).toEqual(['client broke: invalid-chunk', 'server: <rpc-reply/>'])
})

it('what a client sends on and on before the device has greeted is not held without end', () => {
  const { told, scanner } = follow()
  scanner.fromClient(greeting(hello(base11)))
  const rpc = Buffer.from(`<rpc>${'x'.repeat(1000)}</rpc>]]>]]>`)
  for (let sent = 0; sent < 1000; sent += 1) scanner.fromClient(rpc)
  expect(told.length).toBe(1000)
})
