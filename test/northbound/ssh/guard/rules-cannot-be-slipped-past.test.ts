import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../../../src/netconf/framing/framing.js'
import { NETCONF_NS as ns } from '../../../../src/netconf/xml/namespaces.js'
import { converse, helloFor, inEndOfMessage, oneByOne, serverHello } from '../support/guarded-conversation.js'

const rules = [
  'get',
  'get-config:running',
  'edit-config:candidate',
  'copy-config:startup',
  'lock:candidate',
  'validate',
  'commit',
  'get-data:operational',
  'get-*-information',
  '{urn:acme}*',
]
const nmda = 'urn:ietf:params:xml:ns:yang:ietf-netconf-nmda'
const xi = 'http://www.w3.org/2001/XInclude'

const rpc = (content: string, attributes = 'message-id="2"'): string =>
  `<rpc xmlns="${ns}" ${attributes}>${content}</rpc>`
const get = (id: number): string => `<rpc xmlns="${ns}" message-id="${id}"><get/></rpc>`
const edit = '<edit-config><target><running/></target><config><x xmlns="urn:x"/></config></edit-config>'
const getConfig = (inside: string): string => rpc(`<get-config>${inside}</get-config>`)
const running = '<source><running/></source>'
const filter = (inside: string): string => getConfig(`${running}<filter>${inside}</filter>`)
const target = (inside: string): string => rpc(`<edit-config><target>${inside}</target><config/></edit-config>`)
const utf16 = (text: string): Buffer => Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(text, 'utf16le')])
const deep = (levels: number): string => '<a>'.repeat(levels) + '</a>'.repeat(levels)

const framings = ['end-of-message', 'chunked'] as const

/** A hello of the client, a request that is allowed, what is tried, and another request that is allowed. */
function session(framing: Framing, tried: Buffer): Buffer {
  return Buffer.concat([
    inEndOfMessage(helloFor(framing)),
    encodeFrame(framing, get(1)),
    tried,
    encodeFrame(framing, get(3)),
  ])
}

/** In one piece and byte by byte: both must come to the same. */
async function cameTo(framing: Framing, tried: Buffer) {
  const sent = session(framing, tried)
  const whole = await converse({ framing, rules, sent: [sent] })
  expect(await converse({ framing, rules, sent: oneByOne(sent) })).toEqual(whole)
  return whole
}

describe.each(framings)('answered with access-denied and never at the device, %s:', (framing) => {
  it.each<[string, string]>([
    ['a forbidden operation', rpc(edit)],
    [
      'with a prefix',
      `<nc:rpc xmlns:nc="${ns}" message-id="2"><nc:edit-config><nc:target><nc:running/></nc:target></nc:edit-config></nc:rpc>`,
    ],
    [
      'with a prefix that is an allowed name',
      `<get:rpc xmlns:get="${ns}" message-id="2"><get:edit-config><get:target><get:running/></get:target></get:edit-config></get:rpc>`,
    ],
    [
      'with xmlns declared anew',
      rpc(`<x:edit-config xmlns:x="urn:acme"><x:target xmlns:x="${ns}"><x:running/></x:target></x:edit-config>`),
    ],
    ['in a namespace of which all else is allowed', rpc('<edit-config xmlns="urn:acme"/>')],
    ['an allowed name in a foreign namespace', rpc('<get xmlns="urn:other"/>')],
    [
      'without a namespace, as to Junos',
      '<rpc message-id="2"><edit-config><target><running/></target></edit-config></rpc>',
    ],
    ['in upper case', rpc('<EDIT-CONFIG><target><running/></target></EDIT-CONFIG>')],
    ['an allowed name in upper case', rpc('<GET/>')],
    ['an allowed name with a suffix', rpc('<get.edit-config/>')],
    ['a name between those that a pattern allows', rpc('<get-information/>')],
    ['comments around it', rpc(`<!-- <get/> -->${edit}<!-- </get> -->`)],
    ['white space around it', `\r\n\t ${rpc(`\n ${edit} \n`)} \n`],
    ['an XML declaration before it', `<?xml version="1.0" encoding="UTF-8"?>\n${rpc(edit)}`],
    [
      'attributes that name another',
      rpc('<edit-config operation="get" get=""><target><running/></target></edit-config>'),
    ],
    ['an allowed one before it', rpc(`<get/>${edit}`)],
    ['an allowed one after it', rpc(`${edit}<get/>`)],
    ['two allowed ones', rpc('<get/><get/>')],
    ['no operation', rpc('')],
    ['no operation, but a comment', rpc('<!-- get -->')],
    ['text beside an allowed one', rpc('x<get/>')],
    ['a no-break space beside an allowed one', rpc('\u00a0<get/>')],
    ['escaped markup beside an allowed one', rpc('&lt;edit-config/&gt;<get/>')],
    ['an empty CDATA section beside an allowed one', rpc('<![CDATA[]]><get/>')],
    ['a forbidden one in CDATA in an allowed one', filter('<![CDATA[</filter></get-config><edit-config/>]]>')],
    ['a nested rpc as operation', rpc(`<rpc message-id="9">${edit}</rpc>`)],
    ['an allowed one that wraps the rpc', rpc(`<rpc><get/></rpc>`)],
    ['another datastore', getConfig('<source><startup/></source>')],
    ['no datastore', getConfig('')],
    ['two datastores', getConfig('<source><running/><startup/></source>')],
    ['two sources', getConfig(`${running}<source><startup/></source>`)],
    ['two sources, one in another case', getConfig(`${running}<Source><startup/></Source>`)],
    ['two targets', target('<candidate/></target><target><running/>')],
    [
      'two targets, one in a foreign namespace',
      rpc('<edit-config><target><candidate/></target><x:target xmlns:x="urn:x"><running/></x:target></edit-config>'),
    ],
    ['a datastore as text', target('candidate')],
    ['a datastore in CDATA', target('<![CDATA[candidate]]>')],
    ['a datastore and CDATA', target('<candidate/><![CDATA[ ]]>')],
    ['a datastore with text in it', target('<candidate>running</candidate>')],
    ['a datastore in a datastore', target('<candidate><running/></candidate>')],
    ['a datastore in another case', target('<Candidate/>')],
    ['a comment for a datastore', target('<!--candidate-->')],
    ['a datastore by XInclude', target(`<include xmlns="${xi}" href="file:///etc/passwd"/>`)],
    ['an operation by XInclude', rpc(`<include xmlns="${xi}" href="http://x/"/>`)],
    ['a url as datastore', target('<url>file:///etc/running</url>')],
    ['a configuration from a url', rpc('<edit-config><target><candidate/></target><url>http://x/</url></edit-config>')],
    [
      'a copy of what may not be read',
      rpc('<copy-config><target><startup/></target><source><candidate/></source></copy-config>'),
    ],
    [
      'a copy over what may not be written',
      rpc('<copy-config><target><running/></target><source><startup/></source></copy-config>'),
    ],
    [
      'a copy to a url',
      rpc('<copy-config><target><url>ftp://x/</url></target><source><running/></source></copy-config>'),
    ],
    [
      'a copy with two sources',
      rpc(`<copy-config><target><startup/></target>${running}<source><config/></source></copy-config>`),
    ],
    ['deletion', rpc('<delete-config><target><startup/></target></delete-config>')],
    [
      'an identity that is another datastore',
      rpc(`<get-data xmlns="${nmda}"><datastore>ds:running</datastore></get-data>`),
    ],
    [
      'an identity and an element',
      rpc(`<get-data xmlns="${nmda}"><datastore>ds:operational<running/></datastore></get-data>`),
    ],
    [
      'an identity behind much white space',
      rpc(`<get-data xmlns="${nmda}"><datastore>ds:operational${' '.repeat(1100)}ds:running</datastore></get-data>`),
    ],
    [
      'two identities',
      rpc(
        `<get-data xmlns="${nmda}"><datastore>ds:operational</datastore><datastore>ds:running</datastore></get-data>`,
      ),
    ],
    ['a datastore by the identity of NMDA', target(`<datastore xmlns="${nmda}">ds:running</datastore>`)],
    ['edit-data', rpc(`<edit-data xmlns="${nmda}"><datastore>ds:candidate</datastore><config/></edit-data>`)],
    ['a confirmed commit of somebody else', rpc('<cancel-commit><persist-id>x</persist-id></cancel-commit>')],
    ['close-session of a foreign namespace', rpc('<close-session xmlns="urn:other"/>')],
    ['kill-session', rpc('<kill-session><session-id>1</session-id></kill-session>')],
    ['a command of Junos', rpc('<command>request system reboot</command>')],
    ['load-configuration of Junos', rpc('<load-configuration action="override"/>')],
    ['a hello as operation', rpc('<hello/>')],
  ])('%s', async (_name, tried) => {
    expect(await cameTo(framing, encodeFrame(framing, tried))).toMatchObject({
      device: [get(1), get(3)],
      client: ['ok 1', 'access-denied 2', 'ok 3'],
    })
  })
})

describe.each(framings)('ends the session, with nothing of it at the device, %s:', (framing) => {
  const tag = framing === 'chunked' ? 'malformed-message' : 'operation-failed'
  it.each<[string, string | Buffer, string?]>([
    ['DOCTYPE', `<!DOCTYPE rpc>${rpc('<get/>')}`, tag],
    ['an entity that names an operation', `<!DOCTYPE rpc [<!ENTITY e "<edit-config/>">]>${rpc('&e;')}`, tag],
    ['an external entity', `<!DOCTYPE rpc SYSTEM "file:///etc/passwd">${rpc('<get/>')}`, tag],
    ['an undeclared entity', rpc('<get>&nbsp;</get>')],
    ['a character reference in a name', rpc('<edit&#45;config/>')],
    ['a character reference to NUL', rpc('<get>&#0;</get>')],
    ['a NUL', rpc('<get>\0</get>')],
    ['a NUL in a name', rpc('<get\0/>')],
    ['a NUL before the root', `\0${rpc('<get/>')}`, tag],
    ['a control character', rpc('<get>\u0001</get>')],
    ['a control character in an attribute', rpc('<get a="\u001b"/>')],
    ['U+FFFE', rpc('<get>\ufffe</get>')],
    ['UTF-16', utf16(rpc('<get/>')), tag],
    ['UTF-16 without a mark', Buffer.from(rpc('<get/>'), 'utf16le'), tag],
    ['UTF-16 that says so', utf16(`<?xml version="1.0" encoding="UTF-16"?>${rpc('<get/>')}`), tag],
    ['UTF-7 that says so', `<?xml version="1.0" encoding="UTF-7"?>${rpc('+ADw-edit-config/+AD4-')}`, tag],
    [
      'Latin-1 that says so',
      Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?>${rpc('<get>é</get>')}`, 'latin1'),
      tag,
    ],
    ['ASCII that is none', `<?xml version="1.0" encoding="us-ascii"?>${rpc('<get>é</get>')}`],
    ['a byte order mark', `\ufeff${rpc('<get/>')}`, tag],
    ['octets that are not UTF-8', Buffer.from(rpc('<get>\xff</get>'), 'latin1')],
    ['an overlong "<"', Buffer.from(rpc('<get>\xc0\xbcedit-config/></get>'), 'latin1')],
    ['a surrogate in UTF-8', Buffer.from(rpc('<get>\xed\xa0\x80</get>'), 'latin1')],
    ['half a character at the end', Buffer.concat([Buffer.from(rpc('<get/>')), Buffer.of(0xc3)])],
    ['XML 1.1, in which NEL is white space', `<?xml version="1.1"?>${rpc('<edit-config\u0085/>')}`, tag],
    ['NEL in a tag', rpc('<edit-config\u0085/>')],
    ['a processing instruction', rpc('<?php edit ?><get/>')],
    ['a stylesheet', `<?xml-stylesheet href="x"?>${rpc('<get/>')}`, tag],
    ['an XML declaration inside', rpc('<?xml version="1.0"?><get/>')],
    ['a comment that HTML ends early', rpc(`<get><!--> ${edit} --></get>`)],
    ['another that HTML ends early', rpc(`<get><!---> ${edit} --></get>`)],
    ['a comment with two hyphens', rpc(`<get><!-- -- > ${edit} --></get>`)],
    ['a comment that does not end', rpc('<get/><!-- ')],
    ['CDATA that does not end', rpc('<get><![CDATA[ </get>')],
    ['"]]>" as text', rpc('<get>]]></get>')],
    ['the delimiter in an attribute', rpc(`<get a="]]>]]><rpc>${edit}</rpc>]]>]]>"/>`)],
    ['the delimiter in a comment', rpc(`<get><!-- ]]>]]>${rpc(edit, 'message-id="9"')}]]>]]> --></get>`)],
    ['the delimiter in CDATA', rpc(`<get><![CDATA[ ]]>]]>${rpc(edit, 'message-id="9"')}]]>]]>]]></get>`)],
    ['most of a delimiter in an attribute', rpc('<get a="]]>]]"/>')],
    ['two roots', rpc('<get/>') + rpc(edit, 'message-id="9"')],
    ['text after the root', `${rpc('<get/>')}x`],
    ['text before the root', `x${rpc('<get/>')}`, tag],
    ['a root that does not end', `<rpc xmlns="${ns}" message-id="2"><get/>`],
    ['tags that cross', rpc('<get><a></get></a>')],
    ['a tag without its quotes', rpc('<get a=b/>')],
    ['an attribute twice', rpc('<get a="1" a="2"/>')],
    ['message-id twice', rpc('<get/>', 'message-id="2" message-id="3"'), tag],
    ['an attribute twice by two prefixes', rpc('<get xmlns:a="urn:a" xmlns:b="urn:a" a:x="" b:x=""/>')],
    ['a prefix that nobody declared', rpc('<nc:get/>')],
    ['a prefix made none', rpc('<nc:get xmlns:nc=""/>')],
    ['the prefix xml for something else', rpc('<xml:get xmlns:xml="urn:x"/>')],
    ['a namespace with a space at its end', rpc('<get/>').replace(ns, `${ns} `), tag],
    ['a namespace with a no-break space', rpc(`<get xmlns="${ns}&#160;"/>`)],
    ['a prefix that begins with a digit', rpc('<get xmlns:1="urn:x"/>')],
    ['a local name that begins with a digit', rpc('<x:1get xmlns:x="urn:acme"/>')],
    ['a name with two colons', rpc('<a:b:get xmlns:a="urn:a"/>')],
    ['a name that begins with a digit', rpc('<1get/>')],
    ['a space in a tag', rpc('<get / >')],
    ['"<" in an attribute', rpc('<get a="<edit-config/>"/>')],
    ['rpc of a foreign namespace', '<rpc xmlns="urn:x" message-id="2"><get/></rpc>', tag],
    ['an operation as root', edit, tag],
    ['a second hello', helloFor('chunked'), tag],
    ['a notification', '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>', tag],
    ['RPC in upper case', `<RPC xmlns="${ns}" message-id="2"><get/></RPC>`, tag],
    ['white space alone', ' \n', tag],
    ['elements without end', rpc(`<get>${deep(300)}</get>`), 'too-big 2'],
    ['attributes without end', rpc('<get/>', `message-id="2" a="${'x'.repeat(9000)}"`), 'too-big'],
    ['more octets than may be', rpc(`<get>${'x'.repeat(1024 * 1024)}</get>`), 'too-big 2'],
  ])('%s', async (_name, tried, told = `${tag} 2`) => {
    const framed = encodeFrame(framing, tried)
    const whole =
      framed.length > 20_000
        ? await converse({ framing, rules, sent: [session(framing, framed)] })
        : await cameTo(framing, framed)
    expect(whole).toMatchObject({
      device: [get(1)],
      client: ['ok 1', told],
      violation: told.startsWith('too-big') ? 'request-too-big' : 'malformed-request',
    })
    const before = Buffer.concat([inEndOfMessage(helloFor(framing)), encodeFrame(framing, get(1))])
    expect(whole.bytes.equals(before)).toBe(true)
  })
})

describe('chunks that are none end the session, with nothing of it at the device:', () => {
  const length = Buffer.byteLength(rpc('<get/>'))
  it.each<[string, string, string?]>([
    ['a chunk of no octets', '\n#0\n\n##\n'],
    ['a length that begins with zero', `\n#0${length}\n${rpc('<get/>')}\n##\n`],
    ['a length of 2^32', '\n#4294967296\n'],
    ['a length that overflows 32 bits to the true one', `\n#${4294967296 + length}\n${rpc('<get/>')}\n##\n`],
    ['a length of very many digits', `\n#${'9'.repeat(40)}\n`],
    ['a negative length', `\n#-${length}\n${rpc('<get/>')}\n##\n`],
    ['a length in hexadecimal', `\n#0x40\n${rpc('<get/>')}\n##\n`],
    ['a length with a sign', `\n#+${length}\n${rpc('<get/>')}\n##\n`],
    ['a length with a space', `\n# ${length}\n${rpc('<get/>')}\n##\n`],
    ['carriage returns', `\r\n#${length}\r\n${rpc('<get/>')}\r\n##\r\n`],
    ['no line feed before', `#${length}\n${rpc('<get/>')}\n##\n`],
    ['an end without a chunk', '\n##\n'],
    ['something behind the end', `\n##x\n${rpc(edit)}`],
    ['end-of-message framing all at once', `${rpc(edit)}]]>]]>`],
    ['a chunk that is too short', `\n#${length - 1}\n${rpc('<get/>')}\n##\n`, 'malformed-message 2'],
    ['a chunk too long by the end', `\n#${length + 4}\n${rpc('<get/>')}\n##\n\n#5\n<get>\n##\n`, 'malformed-message 2'],
    [
      'half a request, and then another',
      `\n#${length - 6}\n${rpc('<get/>').slice(0, -6)}\n##\n\n#6\n</rpc>\n##\n`,
      'malformed-message 2',
    ],
  ])('%s', async (_name, tried, told = 'malformed-message') => {
    expect(await cameTo('chunked', Buffer.from(tried))).toMatchObject({
      device: [get(1)],
      client: ['ok 1', told],
      violation: 'malformed-request',
    })
  })

  it('chunks under end-of-message framing', async () => {
    expect(await cameTo('end-of-message', encodeFrame('chunked', rpc(edit)))).toMatchObject({
      device: [get(1)],
      client: ['ok 1', 'operation-failed'],
      violation: 'malformed-request',
    })
  })
})

describe('a hello that two readers may read differently ends the session before any request:', () => {
  const capability = (text: string): string => `<capability>${text}</capability>`
  const hello = (capabilities: string, more = ''): string =>
    `<hello xmlns="${ns}"><capabilities>${capabilities}</capabilities>${more}</hello>`
  const base11 = 'urn:ietf:params:netconf:base:1.1'
  it.each<[string, string | Buffer]>([
    ['white space around base:1.1', hello(capability(` ${base11} `))],
    ['the spelling of Junos', hello(capability('urn:ietf:params:xml:ns:netconf:base:1.1'))],
    ['another case', hello(capability('URN:IETF:params:netconf:base:1.1'))],
    ['parameters', hello(capability(`${base11}?x=y`))],
    ['a character reference', hello(capability(base11.replace(':1.1', ':1&#46;1')))],
    ['a comment inside', hello(capability(base11.replace('1.1', '1<!-- -->.1')))],
    ['CDATA', hello(capability(`<![CDATA[${base11}]]>`))],
    ['base:1.1 in a comment', hello(`${capability('urn:ietf:params:netconf:base:1.0')}<!--${capability(base11)}-->`)],
    ['base:1.1 in an attribute', hello(`<capability x="${base11}">urn:x</capability>`)],
    [
      'two lists',
      hello(capability('urn:x')).replace('</hello>', `<capabilities>${capability(base11)}</capabilities></hello>`),
    ],
    [
      'a capability of a foreign namespace',
      hello(capability(base11).replace('<capability', '<capability xmlns="urn:x"')),
    ],
    ['a nested capability', hello(`<capability><capability>${base11}</capability></capability>`)],
    ['a session-id', hello(capability(base11), '<session-id>1</session-id>')],
    ['DOCTYPE', `<!DOCTYPE hello>${hello(capability(base11))}`],
    ['a byte order mark', `\ufeff${hello(capability(base11))}`],
    ['UTF-16', utf16(hello(capability(base11)))],
    ['text', hello(`x${capability(base11)}`)],
    ['two hellos in one', hello(capability(base11)) + hello(capability('urn:x'))],
    ['no capabilities', `<hello xmlns="${ns}"/>`],
    ['a foreign namespace', hello(capability(base11)).replace(ns, 'urn:x')],
    ['a request instead', get(1)],
    ['no end', `<hello xmlns="${ns}"><capabilities>`],
    ['64 KiB', hello(capability('x'.repeat(64 * 1024)))],
  ])('%s', async (_name, tried) => {
    for (const framing of framings) {
      const sent = Buffer.concat([inEndOfMessage(tried), encodeFrame(framing, get(1))])
      for (const segments of [[sent], oneByOne(sent)]) {
        const { device, client, violation } = await converse({ framing, rules, sent: segments }).catch(
          (error: Error) => {
            throw new Error(`${framing}: ${error.message}`)
          },
        )
        expect({ device, client, violation }).toEqual({ device: [], client: [], violation: 'bad-hello' })
      }
    }
  })

  it('one of the device, where the client announces base:1.1', async () => {
    const unclear = serverHello.replace('urn:ietf:params:netconf:base:1.1', 'urn:ietf:params:xml:ns:netconf:base:1.1')
    const from = (framing: Framing) =>
      converse({
        framing,
        rules,
        serverHello: unclear,
        sent: [inEndOfMessage(helloFor(framing)), encodeFrame(framing, get(1))],
      })
    expect(await from('chunked')).toMatchObject({ device: [], violation: 'bad-hello' })
    expect(await from('end-of-message')).toMatchObject({ device: [get(1)], client: ['ok 1'] })
  })

  it.each([
    '<hello/>',
    'no XML',
    rpc('<get/>'),
    `<hello xmlns="${ns}"><capabilities/><session-id>x</session-id></hello>`,
  ])('and so does a device that says %s', async (said) => {
    const sent = [inEndOfMessage(helloFor('end-of-message')), inEndOfMessage(get(1))]
    const found = await converse({ framing: 'end-of-message', rules, serverHello: said, sent })
    expect(found).toMatchObject({ device: [], violation: 'device-framing' })
  })
})

describe.each(framings)('reaches the device in the client’s own octets, %s:', (framing) => {
  it.each<[string, string]>([
    ['an allowed operation', get(2)],
    ['with prefixes', `<nc:rpc xmlns:nc="${ns}" nc:id="x" message-id="2"><nc:get/></nc:rpc>`],
    ['without a namespace, as Junos has it', '<rpc message-id="2"><get-interface-information/></rpc>'],
    ['with an XML declaration', `<?xml version="1.0" encoding="UTF-8"?>\n${get(2)}`],
    ['with an XML declaration of lxml', `<?xml version='1.0' encoding='ASCII'?>\n${get(2)}`],
    ['between line ends', `\r\n${get(2)}\n`],
    ['with comments', rpc('<!-- a --><get><!-- <edit-config/> --></get>')],
    [
      'with single quotes',
      `<rpc xmlns='${ns}' message-id='2' a='"'><get/></rpc>`.replace("message-id='2'", 'message-id="2"'),
    ],
    ['with ">" in an attribute', getConfig(`${running}<filter type="xpath" select="/a[b>1 and c]]"/>`)],
    ['with the delimiter escaped', getConfig(`${running}<filter><a>]]&gt;]]&gt;</a></filter>`)],
    [
      'with CDATA in a value',
      target('<candidate/>').replace('<config/>', '<config><a xmlns="urn:a"><![CDATA[]&>]]></a></config>'),
    ],
    ['with character references', getConfig(`${running}<filter><a>&#65;&#x42;&amp;&lt;</a></filter>`)],
    ['with all of Unicode', filter('<Ünïcode xmlns="urn:ü">日本 😀</Ünïcode>')],
    ['with what looks like an operation inside', filter(`<edit-config/><rpc>${edit}</rpc>`)],
    ['get-config of the allowed datastore', getConfig(` <!-- --> <source> <running /> </source> `)],
    ['an edit of the allowed datastore', target('<candidate/>')],
    ['an edit whose target comes last', rpc('<edit-config><config/><target><candidate/></target></edit-config>')],
    ['a copy of what may be read', rpc(`<copy-config><target><startup/></target>${running}</copy-config>`)],
    [
      'a copy of a configuration that comes along',
      rpc('<copy-config><target><startup/></target><source><config><a/></config></source></copy-config>'),
    ],
    [
      'validation of a configuration that comes along',
      rpc('<validate><source><config><source/><a/></config></source></validate>'),
    ],
    [
      'a datastore by its identity',
      rpc(`<get-data xmlns="${nmda}" xmlns:ds="urn:d"><datastore>ds:operational</datastore></get-data>`),
    ],
    ['a confirmed commit', rpc('<commit><confirmed/><persist>x</persist></commit>')],
    ['an operation of a vendor', rpc('<reset xmlns="urn:acme"><target>card 1</target></reset>')],
    ['close-session', rpc('<close-session/>')],
    ['60 KiB', getConfig(`${running}<filter><a>${'é'.repeat(30_000)}</a></filter>`)],
    ['900 KiB', getConfig(`${running}<filter>${`<a>${'x'.repeat(1000)}</a>`.repeat(900)}</filter>`)],
    ['200 levels', filter(deep(200))],
  ])('%s', async (_name, tried) => {
    const framed = encodeFrame(framing, tried)
    const whole =
      framed.length > 20_000
        ? await converse({ framing, rules, sent: [session(framing, framed)] })
        : await cameTo(framing, framed)
    expect(whole.device[1] === tried).toBe(true)
    expect({ messages: whole.device.length, client: whole.client, violation: whole.violation }).toEqual({
      messages: 3,
      client: ['ok 1', 'ok 2', 'ok 3'],
      violation: undefined,
    })
  })

  it('a request without message-id, and the refusal of one has none', async () => {
    const without = (operation: string): string => `<rpc xmlns="${ns}">${operation}</rpc>`
    const frames = Buffer.concat([encodeFrame(framing, without('<get/>')), encodeFrame(framing, without(edit))])
    expect(await cameTo(framing, frames)).toMatchObject({
      device: [get(1), without('<get/>'), get(3)],
      client: ['ok 1', 'ok', 'access-denied', 'ok 3'],
    })
  })
})

describe.each(framings)('wherever the octets are split in two, %s:', (framing) => {
  it.each([
    ['a denial', rpc(edit), ['ok 1', 'access-denied 2', 'ok 3']],
    ['a request with characters of several octets', filter('<ü>😀</ü>'), ['ok 1', 'ok 2', 'ok 3']],
  ])(
    '%s',
    async (_name, tried, told) => {
      const sent = session(framing, encodeFrame(framing, tried))
      for (let at = 1; at < sent.length; at += 1) {
        const { client } = await converse({ framing, rules, sent: [sent.subarray(0, at), sent.subarray(at)] })
        expect(client, `split at ${at}`).toEqual(told)
      }
    },
    60_000,
  )
})
