import { describe, expect, it } from 'vitest'
import { createRedaction } from '../../src/audit/redaction.js'
import { createTranscript } from '../../src/audit/transcript.js'
import { CAPABILITY } from '../../src/netconf/capabilities.js'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import { buildHello } from '../../src/netconf/hello.js'
import { serialiseXml } from '../../src/netconf/xml/xml-serialise.js'
import { info } from './support/audit-in-memory.js'

interface Line {
  readonly from?: string
  readonly text?: string
  readonly leftOut?: string
  readonly octets?: number
}

function transcript(more: Partial<typeof info> = {}, maxMessageSize = 2000) {
  const lines: string[] = []
  const made = createTranscript({
    info: { ...info, ...more },
    redaction: createRedaction(),
    maxMessageSize,
    write: (line) => lines.push(line),
  })
  return { ...made, lines, parsed: () => lines.map((line) => JSON.parse(line) as Line) }
}

const hello = (version: string) => serialiseXml(buildHello({ capabilities: [version] }))

describe.each(['end-of-message', 'chunked'] as const)('for NETCONF with %s framing', (framing) => {
  const greeting = encodeFrame('end-of-message', hello(framing === 'chunked' ? CAPABILITY.base11 : CAPABILITY.base10))
  const client = Buffer.concat([
    greeting,
    encodeFrame(framing, '<rpc><x><password>hunter2</password></x></rpc>', { chunkSize: 3 }),
    encodeFrame(framing, '<rpc><password>hunter2</x></rpc>'),
    encodeFrame(framing, `<rpc>${'x'.repeat(3000)}</rpc>`),
    encodeFrame(framing, '<rpc><last/></rpc>'),
  ])

  it('has each message of both sides without its secrets, and says what it leaves out', () => {
    const made = transcript()
    made.fromDevice(greeting, 0)
    made.fromClient(client, 1)
    made.fromDevice(encodeFrame(framing, '<rpc-reply><secret>hunter2</secret></rpc-reply>'), 2)
    made.end(3)
    expect(made.parsed()).toMatchObject([
      { time: '1970-01-01T00:00:00.000Z', from: 'device', text: expect.stringContaining('<hello') },
      { from: 'client', text: expect.stringContaining('<hello') },
      { time: '1970-01-01T00:00:00.001Z', from: 'client', text: '<rpc><x><password>[secret]</password></x></rpc>' },
      { from: 'client', leftOut: 'not-well-formed', octets: 32 },
      { from: 'client', leftOut: 'too-long', octets: 3011 },
      { from: 'client', text: '<rpc><last/></rpc>' },
      { from: 'device', text: '<rpc-reply><secret>[secret]</secret></rpc-reply>' },
      { time: '1970-01-01T00:00:00.003Z', event: 'session-closed' },
    ])
  })

  it('holds no secret, wherever the octets were split', () => {
    for (let cut = 0; cut <= client.length; cut += cut < 700 ? 1 : 97) {
      const made = transcript()
      made.fromDevice(greeting, 0)
      made.fromClient(client.subarray(0, cut), 1)
      made.fromClient(client.subarray(cut), 2)
      expect(made.lines.join('\n')).not.toContain('hunter2')
      expect(made.lines.filter((line) => line.includes('[secret]'))).toHaveLength(1)
    }
  })
})

describe('of a shell', () => {
  it('has what the device shows, line by line, without secrets', () => {
    const made = transcript({ channel: 'shell', request: 'shell' })
    const shown = 'router> show configuration\r\nsecret "hunter2";\r\ncafé\r\nrouter> '
    for (const byte of Buffer.from(shown)) made.fromDevice(Buffer.from([byte]), 1)
    made.fromClient(Buffer.from('hunter2\r'), 1)
    made.end(2)
    const text = made
      .parsed()
      .map((line) => line.text ?? '')
      .join('')
    expect(text.replaceAll(/[\r\n]+/g, '\n')).toBe('router> show configuration\nsecret [secret];\ncafé\nrouter> \n')
    expect(made.lines.join()).not.toContain('hunter2')
  })

  it('knows a secret that a terminal has broken up', () => {
    const made = transcript({ channel: 'shell', request: 'shell' })
    made.fromDevice(Buffer.from('> set x \u001b[1msec\u001b[0mret "hunt\rer2"\r\nset x secret hunt\rer2\n'), 1)
    made.end(2)
    expect(made.parsed()[0]?.text).toBe('> set x secret [secret]\r\nset x secret [secret]\n')
  })

  it('leaves out a line that does not end', () => {
    const made = transcript({ channel: 'shell', request: 'shell' }, 100)
    made.fromDevice(Buffer.from(`secret ${'x'.repeat(200)}`), 1)
    made.fromDevice(Buffer.from('hunter2\nnext\n'), 2)
    made.end(3)
    expect(made.parsed()).toMatchObject([{ leftOut: 'too-long', octets: 207 }, { text: 'next\n' }, {}])
  })
})

it.each([
  ['sftp', 'sftp'],
  ['exec', 'scp -t /var/tmp'],
] as const)('of files that are carried by %s it has none', (channel, request) => {
  const made = transcript({ channel, request })
  made.fromClient(Buffer.from('file\n'), 1)
  made.fromDevice(Buffer.from('file\n'), 1)
  made.end(2)
  expect(made.lines).toHaveLength(1)
})
