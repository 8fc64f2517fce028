import { once } from 'node:events'
import type { ClientChannel } from 'ssh2'
import { afterEach, describe, expect, it } from 'vitest'
import { type SessionRefusal, sessionRefusal } from '../../../src/fleet/refusals/sessions.js'
import type { SessionContext } from '../../../src/northbound/ssh/session.js'
import { unrestricted } from '../../../src/northbound/ssh/login-restriction.js'
import {
  createRefusalsInNetconf,
  type RefusalsInNetconf,
  type RefusalWaits,
} from '../../../src/northbound/ssh/refusals-in-netconf.js'
import { createLog } from '../../../src/telemetry/log.js'
import { parseXml } from '../../../src/netconf/xml/xml-parse.js'
import { connectedTo } from './support/served-sessions.js'

const NS = 'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"'
const END = ']]>]]>'
const hello = (...versions: readonly string[]): string =>
  `<hello ${NS}><capabilities>${versions
    .map((version) => `<capability>urn:ietf:params:netconf:base:${version}</capability>`)
    .join('')}</capabilities></hello>${END}`
const rpc = (id: string, operation = '<get/>'): string => `<rpc ${NS} message-id="${id}">${operation}</rpc>`
const chunked = (message: string): string => `\n#${Buffer.byteLength(message)}\n${message}\n##\n`

const fullLink: SessionRefusal = { reason: 'link-full', message: 'router1 has no free session', hint: 'close some' }
const noRights = sessionRefusal('no-rights', 'user "ops" has no rights here', 'ask for a role')

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** Longer than any test: whoever waits for the end of one of these has to end it. */
const PATIENT: RefusalWaits = { greeting: 2, hello: 60_000, request: 60_000, leave: 60_000 }

/** Sessions of one connection, all of which are refused for the same reason. */
async function refused(refusal: SessionRefusal, refusalsInNetconf?: RefusalsInNetconf) {
  const audited: unknown[] = []
  const context = {
    fleet: {},
    deviceId: 'router1',
    client: { user: 'ops', source: '192.0.2.1:1', via: 'ssh' },
    restriction: unrestricted,
    keyExchange: () => undefined,
    method: 'password',
    auditLog: { refused: (_session: unknown, reason: string) => audited.push(reason) },
    refusalLines: () => undefined,
    refusalsInNetconf,
    authorise: async () => ({ allowed: false, refusal }),
    log: createLog({ level: 'error', format: 'json' }, { write: () => undefined }),
    metrics: { sessionRefused: () => undefined },
    tracer: () => undefined,
  } as unknown as SessionContext
  const { client, stop } = await connectedTo(context)
  ends.push(stop)
  const open = (ask: 'netconf' | 'exec netconf' | 'exec' = 'netconf') =>
    new Promise<Told>((resolve, reject) => {
      const opened = (error: Error | undefined, channel: ClientChannel): void =>
        error === undefined ? resolve(heard(channel)) : reject(error)
      if (ask === 'netconf') client.subsys('netconf', opened)
      else client.exec(ask === 'exec' ? 'show version' : 'netconf', opened)
    })
  return { client, open, audited }
}

interface Told {
  readonly channel: ClientChannel
  readonly out: () => string
  readonly standardError: () => string
  /** Settles with the exit status once the channel is closed. */
  readonly closed: Promise<number | undefined>
  /** Settles once standard output holds so many of these. */
  readonly has: (text: string, times?: number) => Promise<void>
}

function heard(channel: ClientChannel): Told {
  let out = ''
  let standardError = ''
  let status: number | undefined
  channel.on('data', (bytes: Buffer) => (out += bytes.toString()))
  channel.stderr.on('data', (bytes: Buffer) => (standardError += bytes.toString()))
  channel.on('exit', (code: number) => (status = code))
  return {
    channel,
    out: () => out,
    standardError: () => standardError,
    closed: once(channel, 'close').then(() => status),
    has: async (text, times = 1) => {
      while (out.split(text).length <= times) await once(channel, 'data')
    },
  }
}

describe('a client that gets no session', () => {
  it('is told by an <rpc-error> in reply to its first request, beside standard error and the exit status', async () => {
    const { open, audited } = await refused(fullLink, createRefusalsInNetconf({ waits: { ...PATIENT, leave: 20 } }))
    const told = await open()
    told.channel.write(hello('1.0', '1.1') + chunked(rpc('a&amp;7')))
    expect(await told.closed).toBe(1)
    const [greeting = '', reply = ''] = told.out().split(END)
    expect(greeting).toMatch(/^<hello .+base:1\.0<.+base:1\.1<.+<session-id>\d+<\/session-id><\/hello>$/)
    expect(reply).toMatch(/^\n#\d+\n<rpc-reply .*message-id="a&amp;7".*>.+<\/rpc-reply>\n##\n$/)
    expect(reply).toContain('<error-type>application</error-type><error-tag>resource-denied</error-tag>')
    expect(reply).toContain('<error-severity>error</error-severity><error-app-tag>link-full</error-app-tag>')
    expect(reply).toContain('>Homeport: router1 has no free session; close some</error-message>')
    expect(told.standardError()).toBe('homeport: router1 has no free session; close some\n')
    expect(audited).toEqual(['link-full'])
  })

  it.each([
    ['in the framing of base:1.0, where it knows no other', hello('1.0') + rpc('1') + END],
    ['without a hello, as Junos lets it', rpc('1') + END],
    [
      'although its hello comes in chunks, as ncclient sends it late',
      chunked(hello('1.0').slice(0, -END.length)) + rpc('1') + END,
    ],
    ['byte by byte', hello('1.0') + rpc('1') + END],
    [
      'with a namespace prefix',
      `${hello('1.0')}<n:rpc xmlns:n="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><n:get/></n:rpc>${END}`,
    ],
  ])('is answered %s', async (name, sent) => {
    const { open } = await refused(noRights, createRefusalsInNetconf({ waits: { ...PATIENT, leave: 20 } }))
    const told = await open()
    if (name === 'byte by byte') for (const byte of Buffer.from(sent)) told.channel.write(Buffer.of(byte))
    else told.channel.write(sent)
    expect(await told.closed).toBe(1)
    const [, reply = ''] = told.out().split(END)
    expect(reply).toContain('message-id="1"')
    expect(reply).toContain('<error-tag>access-denied</error-tag>')
    expect(reply).toContain('<error-app-tag>no-rights</error-app-tag>')
  })

  it('may ask again, and take leave', async () => {
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits: PATIENT }))
    const told = await open('exec netconf')
    told.channel.write(hello('1.1') + chunked(rpc('1')) + chunked(rpc('2')))
    await told.has('</rpc-reply>', 2)
    told.channel.write(chunked(rpc('3', '<close-session/>')))
    expect(await told.closed).toBe(1)
    const replies = told.out().match(/<rpc-reply .*?<\/rpc-reply>/g) ?? []
    expect(replies).toHaveLength(3)
    expect(replies[1]).toContain('<rpc-error>')
    expect(replies[2]).toMatch(/message-id="3".*<ok\/>/)
  })

  it('is not told that all is well where it only takes leave', async () => {
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits: PATIENT }))
    const told = await open()
    told.channel.write(hello('1.0') + rpc('1', '<close-session/>') + END)
    expect(await told.closed).toBe(1)
    expect(told.out()).toContain('<rpc-error>')
    expect(told.out()).not.toContain('<ok/>')
  })

  it.each([
    ['nothing', ''],
    ['a hello alone', hello('1.0')],
    ['half a hello', hello('1.0').slice(0, 40)],
    ['half a request', hello('1.0') + rpc('1').slice(0, 20)],
    ['a hello and half a chunk', `${hello('1.1')}\n#1000\n<rpc`],
  ])('and sends %s is not waited for without end, nor longer than it is there', async (_name, sent) => {
    const waits = { greeting: 5, hello: 30, request: 30, leave: 30 }
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits }))
    const told = await open()
    if (sent !== '') told.channel.write(sent)
    expect(await told.closed).toBe(1)
    expect(told.out().split(END)).toHaveLength(2)

    const patient = await refused(fullLink, createRefusalsInNetconf({ waits: PATIENT }))
    const ended = await patient.open()
    ended.channel.end(sent)
    expect(await ended.closed).toBe(1)
  })

  it.each([
    ['something else than XML', `${hello('1.0')}nonsense${END}`],
    ['something else than a request', `${hello('1.0')}<rpc-reply ${NS}/>${END}`],
    ['chunks that are none', `${hello('1.1')}<rpc/>${END}`],
    ['zeros', '\0'.repeat(70_000)],
    ['a hello of ten megabytes', `<hello ${NS}><capabilities>${' '.repeat(10_000_000)}`],
  ])('and sends %s is let go', async (_name, sent) => {
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits: PATIENT }))
    const told = await open()
    told.channel.on('error', () => undefined)
    told.channel.write(sent)
    expect(await told.closed).toBe(1)
    expect(told.out()).not.toContain('<rpc-reply')
  })

  it('is answered ten times at most, however many requests it has sent ahead', async () => {
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits: PATIENT }))
    const told = await open()
    told.channel.write(hello('1.0') + Array.from({ length: 500 }, (_, id) => rpc(String(id)) + END).join(''))
    expect(await told.closed).toBe(1)
    expect(told.out().match(/<rpc-reply /g)).toHaveLength(10)
  })

  it('may send a request of any size', async () => {
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits: { ...PATIENT, leave: 20 } }))
    const told = await open()
    told.channel.write(hello('1.0') + rpc('big', `<edit-config>${'x'.repeat(5_000_000)}</edit-config>`) + END)
    expect(await told.closed).toBe(1)
    expect(told.out()).toContain('message-id="big"')
  })

  it('that hangs up at any step leaves nothing behind', async () => {
    const refusals = createRefusalsInNetconf({ waits: PATIENT })
    for (const sent of ['', hello('1.0').slice(0, 30), hello('1.0'), hello('1.0') + rpc('1') + END]) {
      const { client, open } = await refused(fullLink, refusals)
      const told = await Promise.all(Array.from({ length: 40 }, () => open()))
      if (sent !== '') for (const { channel } of told) channel.write(sent)
      await Promise.all(told.map(({ has }) => has('</hello>')))
      client.destroy()
      await once(client, 'close')
    }
    // More than a user may have at a time came by: the places of those that are gone are free again.
    const { open } = await refused(fullLink, refusals)
    const told = await open()
    told.channel.write(hello('1.0') + rpc('1') + END)
    await told.has('<rpc-error>')
  })

  it('is told as before where a hundred sessions of its user wait already', async () => {
    const refusals = createRefusalsInNetconf({ waits: PATIENT })
    const { open } = await refused(fullLink, refusals)
    const waiting = await Promise.all(Array.from({ length: 100 }, () => open()))
    await Promise.all(waiting.map(({ has }) => has('</hello>')))
    const told = await open()
    expect(await told.closed).toBe(1)
    expect(told.out()).toBe('')
    expect(told.standardError()).toContain('no free session')
  })

  it('is not waited for once the bridge stops', async () => {
    const refusals = createRefusalsInNetconf({ waits: PATIENT })
    const { open } = await refused(fullLink, refusals)
    const told = await open()
    await told.has('</hello>')
    refusals.hurry()
    expect(await told.closed).toBe(1)
  })

  it.each([
    ['where that is switched off', 'netconf', undefined],
    ['on a channel that is not for NETCONF', 'exec', createRefusalsInNetconf({ waits: PATIENT })],
  ] as const)('reads no NETCONF %s', async (_name, ask, refusals) => {
    const { open } = await refused(fullLink, refusals)
    const told = await open(ask)
    expect(await told.closed).toBe(1)
    expect(told.out()).toBe('')
    expect(told.standardError()).toBe('homeport: router1 has no free session; close some\n')
  })

  it.each([
    ['before a request', `${hello('1.0')}<!DOCTYPE rpc [<!ENTITY a "aaaa">]>${rpc('1', '<get>&a;</get>')}${END}`],
    ['before a hello', `<!DOCTYPE hello SYSTEM "http://127.0.0.1:1/x">${hello('1.0')}${rpc('1')}${END}`],
    [
      'whose entities would grow without end',
      `${hello('1.0')}<!DOCTYPE rpc [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><rpc ${NS} message-id="&b;"><get/></rpc>${END}`,
    ],
  ])('and sends a document type %s is let go, and nothing of it is carried out', async (_name, sent) => {
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits: { ...PATIENT, leave: 20 } }))
    const told = await open()
    told.channel.write(sent)
    expect(await told.closed).toBe(1)
    expect(told.out()).not.toContain('aaaa')
    expect(told.out()).not.toMatch(/message-id="(?!1")/)
    expect(told.standardError()).toContain('no free session')
  })

  it.each([
    ['markup', 'a&lt;/rpc-reply&gt;&quot;b'],
    ['the end of a message', ']]&gt;]]&gt;'],
    ['what XML cannot hold', 'a&#1;b'],
    ['much', 'x'.repeat(10_000)],
  ])('and whose message-id holds %s gets that back as it was, or nothing', async (_name, id) => {
    const { open } = await refused(fullLink, createRefusalsInNetconf({ waits: { ...PATIENT, leave: 20 } }))
    const told = await open()
    told.channel.write(`${hello('1.0')}<rpc ${NS} message-id="${id}"><get/></rpc>${END}`)
    expect(await told.closed).toBe(1)
    const [, reply = '', ...more] = told.out().split(END)
    expect(more.length).toBeLessThanOrEqual(1)
    if (reply === '') return
    const document = parseXml(reply)
    expect(document.ok && document.value.name).toBe('rpc-reply')
  })

  it('on many channels at once, with all that is hostile, is let go and leaves every place free', async () => {
    const refusals = createRefusalsInNetconf({ waits: { greeting: 5, hello: 200, request: 200, leave: 50 } })
    const hostile = [
      Buffer.alloc(4_000_000, ' '),
      Buffer.from(`${hello('1.0')}${Array.from({ length: 1000 }, (_, id) => rpc(String(id)) + END).join('')}`),
      Buffer.from(`${hello('1.1')}${Array.from({ length: 1000 }, (_, id) => chunked(rpc(String(id)))).join('')}`),
      Buffer.from(`${hello('1.1')}\n#1\n<${'\n#1\na'.repeat(200_000)}`),
      Buffer.from(
        `${hello('1.0')}<rpc ${NS} ${Array.from({ length: 900 }, (_, at) => `a${at}="1"`).join(' ')}><get/></rpc>${END}`,
      ),
      Buffer.from(`${hello('1.0')}<rpc ${'x'.repeat(3_000_000)}`),
      Buffer.from(']]>'.repeat(500_000)),
    ]
    const { open, audited } = await refused(fullLink, refusals)
    const told = await Promise.all(Array.from({ length: 70 }, () => open()))
    for (const [at, { channel }] of told.entries()) {
      channel.on('error', () => undefined)
      channel.write(hostile[at % hostile.length])
    }
    expect(new Set(await Promise.all(told.map(({ closed }) => closed)))).toEqual(new Set([1]))
    for (const { out } of told) expect(out().match(/<rpc-reply /g)?.length ?? 0).toBeLessThanOrEqual(10)
    // A line for each channel, whatever was sent on it.
    expect(audited).toHaveLength(70)
    // All places are free again.
    const later = await Promise.all(Array.from({ length: 100 }, () => open()))
    await Promise.all(later.map(({ has }) => has('</hello>')))
  })
})
