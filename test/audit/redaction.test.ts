import { describe, expect, it } from 'vitest'
import { createRedaction } from '../../src/audit/redaction.js'
import { SECRET_NAMES } from '../../src/audit/secret-names.js'
import { parseXml } from '../../src/netconf/xml/xml-parse.js'
import { LONGEST_TURN, leastTurnOf } from '../support/loop-turn.js'

const { message, text } = createRedaction()
const SECRET = 'hunter2'

function shown(xml: string): string | undefined {
  return message(Buffer.from(xml))
}

describe('of a message', () => {
  it('nothing is changed but the values of secrets', () => {
    const xml = `<?xml version="1.0"?>\n<!-- c --><rpc message-id="1" xmlns="urn:x"><edit-config>
  <config><user a='1 > 0'><name>joe</name><password>${SECRET}</password><x/></user></config>
</edit-config></rpc>\n`
    expect(shown(xml)).toBe(xml.replace(SECRET, '[secret]'))
  })

  it.each([
    ['an element with a prefix', `<a xmlns:s="urn:s"><s:pre-shared-key>${SECRET}</s:pre-shared-key></a>`],
    ['an element in other letters', `<a><Password>${SECRET}</Password></a>`],
    [
      'what edit-data carries',
      `<nmda:edit-data xmlns:nmda="urn:n"><nmda:config><u xmlns="urn:u"><password>${SECRET}</password></u></nmda:config></nmda:edit-data>`,
    ],
    [
      'both values of a difference',
      `<edit><value><key>${SECRET}</key></value><source-value><key>${SECRET}</key></source-value></edit>`,
    ],
    ['with elements in it', `<a><key><x>${SECRET}</x><key>${SECRET}</key>${SECRET}</key></a>`],
    ['CDATA', `<a><secret><![CDATA[${SECRET}]]></secret></a>`],
    ['a comment in it', `<a><secret><!-- </secret> -->${SECRET}</secret></a>`],
    ['an attribute', `<user name="joe" password="${SECRET}" n:secret='${SECRET}' xmlns:n="urn:n"/>`],
    ['a crypted form anywhere', `<a><hash>$6$salt$${SECRET}</hash><b c="$9$${SECRET}"/></a>`],
    [
      'Junos statements',
      `<configuration-set>set system root-authentication encrypted-password "x ${SECRET}"\nset snmp community ${SECRET}</configuration-set>`,
    ],
    ['Junos statements with entities', `<configuration-set>set x secret &quot;a ${SECRET}&quot;</configuration-set>`],
    [
      'Junos configuration text',
      `<configuration-text>radius { secret "${SECRET}"; } tacacs { secret ${SECRET}; }</configuration-text>`,
    ],
    ['JSON', `<configuration-json>{"password" : "${SECRET}", "key":"${SECRET}"}</configuration-json>`],
    ['CDATA of statements', `<a><![CDATA[set x authentication-key ${SECRET}]]></a>`],
    ['a command', `<rpc><command>request x password ${SECRET}</command></rpc>`],
    ['character references', `<a>secr&#101;t ${SECRET}</a>`],
    ['character references of a crypted form', `<a>&#x24;9&#36;${SECRET}</a>`],
    ['a quote that never ends', `<a>secret "x ${SECRET}</a>`],
    ['a processing instruction', `<a><?x secret="${SECRET}"?></a>`],
    ['a comment', `<a><!-- <password>${SECRET}</password> --><b/><!-- secret "${SECRET}" --></a>`],
    ['CDATA of XML', `<a><![CDATA[<x><p:auth-password>${SECRET}</p:auth-password></x>]]></a>`],
    ['escaped XML', `<a>&lt;shared-secret a="1"&gt;${SECRET}&lt;/shared-secret&gt;</a>`],
    ['XML that is escaped twice', `<a>&amp;lt;psk&amp;gt;${SECRET}&amp;lt;/psk&amp;gt;</a>`],
    ['XML that is escaped in an attribute', `<a b="&lt;psk>${SECRET}&lt;/psk>"/>`],
    ['a name that a comment parts', `<a>sec<!-- x -->ret ${SECRET}</a>`],
    ['a name that CDATA parts', `<a>sec<![CDATA[ret "${SECRET}"]]></a>`],
    ['JSON with escapes in its names', `<a>{"p\\u0061ssword": "${SECRET}"}</a>`],
    ['JSON in a string of JSON', `<a>{"config": "{\\"password\\": \\"${SECRET}\\"}"}</a>`],
    ['a list of JSON', `<a>{"passwords": ["x", "${SECRET}"], "name": 1}</a>`],
    ['an object of JSON', `<a>{"secret": {"type": 7, "value": "${SECRET}"}}</a>`],
    ['a private key', `<a>-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET}\n-----END OPENSSH PRIVATE KEY-----</a>`],
    [
      'a private key in CDATA',
      `<a><![CDATA[-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----]]></a>`,
    ],
    [
      'a private key in an attribute',
      `<a b="-----BEGIN PRIVATE KEY-----&#10;${SECRET}&#10;-----END PRIVATE KEY-----"/>`,
    ],
    ['a private key that does not end', `<a>-----BEGIN ENCRYPTED PRIVATE KEY-----\n${SECRET}</a>`],
  ])('%s', (_, xml) => {
    const kept = shown(xml)
    expect(kept).toBeDefined()
    expect(kept).not.toContain(SECRET)
    expect(kept).toContain('[secret]')
    expect(parseXml(Buffer.from(kept ?? '')).ok).toBe(true)
  })

  it.each([
    'shared-secret',
    'secret-key',
    'auth-password',
    'password-hashed',
    'enablePassword',
    'snmp-community',
    'community-name',
    'psk',
    'wpa-psk',
    'wpa_psk_ascii',
    'preSharedKey',
    'token',
    'accessToken',
    'x.api-key',
    'key-string',
    'private-key-data',
    'message-digest-key',
    'PASSPHRASE',
    'clear-text-password',
    'client_secret',
  ])('an element <%s>, an attribute, a field of JSON and a statement of this name', (name) => {
    const written = [
      `<a><${name}>${SECRET}</${name}></a>`,
      `<a ${name}="${SECRET}"/>`,
      `<a>{"${name}": "${SECRET}"}</a>`,
      `<a>set x ${name} ${SECRET}</a>`,
      `<a>&lt;${name}&gt;${SECRET}&lt;/${name}&gt;</a>`,
    ]
    for (const xml of written) expect(shown(xml)).not.toContain(SECRET)
    for (const line of [
      `--${name} ${SECRET}`,
      `--${name}=${SECRET}`,
      `<${name}>${SECRET}</${name}>`,
      `${name} 7 ${SECRET}`,
    ])
      expect(text(`cmd ${line}\n`)).not.toContain(SECRET)
  })

  it.each([
    'key-name',
    'public-key',
    'host-key',
    'key-chain',
    'password-policy',
    'passwordLength',
    'minimum-password-length',
    'token-bucket',
    'community-set',
    'private-key-format',
  ])('an element <%s> stays', (name) => {
    const xml = `<a><${name}>${SECRET}</${name}></a>`
    expect(shown(xml)).toBe(xml)
  })

  it('an empty element and one that only sounds like a secret stay', () => {
    const xml = '<a><password/><keys>x</keys><my-key>1</my-key><name>secret</name></a>'
    expect(shown(xml)).toBe(xml)
  })

  it.each([
    ['an element that does not end', `<a><password>${SECRET}</a>`],
    ['a tag that does not end', `<a><b c="${SECRET}>x</a>`],
    ['two roots', `<a/><b>${SECRET}</b>`],
    ['a DOCTYPE', `<!DOCTYPE a [<!ENTITY s "${SECRET}">]><a>&s;</a>`],
    ['no UTF-8', Buffer.from([0x3c, 0x61, 0x3e, 0xff])],
  ])('nothing is kept where it is not well-formed: %s', (_, xml) => {
    expect(message(Buffer.from(xml))).toBeUndefined()
  })

  it('a name of a vendor is one more', () => {
    const own = createRedaction([...SECRET_NAMES, 'wpa.psk'])
    expect(own.message(Buffer.from(`<a><wpa.psk>${SECRET}</wpa.psk><password>${SECRET}</password></a>`))).toBe(
      '<a><wpa.psk>[secret]</wpa.psk><password>[secret]</password></a>',
    )
  })
})

describe('of a text', () => {
  it.each([
    [`set x secret "${SECRET}"`, 'set x secret [secret]'],
    [`set x plain-text-password-value ${SECRET} y`, 'set x plain-text-password-value [secret]'],
    [`password: ${SECRET}`, 'password: [secret]'],
    [`snmp-server community ${SECRET} RO`, 'snmp-server community [secret]'],
    [`username joe password 7 ${SECRET}`, 'username joe password [secret]'],
    [`a { key 0 { secret "${SECRET}"; } }`, 'a { key [secret]; } }'],
    [`{"password":${SECRET},"name":"x"}`, '{"password":[secret],"name":"x"}'],
    [`encrypted-password "$1$ab$${SECRET}"; ## SECRET-DATA`, 'encrypted-password [secret]; ## SECRET-DATA'],
    ['show configuration', 'show configuration'],
    ['', ''],
  ])('%s', (written, kept) => {
    expect(text(written)).toBe(kept)
  })

  it.each([
    ['a token', `curl -H "Authorization: Bearer ${SECRET}.${SECRET}"`],
    ['SNMPv3 of Cisco', `snmp-server user u g v3 auth sha ${SECRET}1 priv aes 128 ${SECRET}2`],
    ['a type 7 key', `key chain x\n key 1\n  key-string 7 ${SECRET}`],
    ['a type 8 secret', `username joe secret 8 $8$${SECRET}`],
  ])('%s', (_, written) => {
    expect(text(written)).not.toContain(SECRET)
  })

  it.each([
    ['quotes that never end', 'secret "'.repeat(50_000)],
    ['backslashes', `key ${'\\'.repeat(200_000)}`],
    ['names', 'password'.repeat(50_000)],
    ['tags that never end', '<password>'.repeat(50_000)],
    ['tags without names', '<:'.repeat(200_000)],
    ['private keys that never end', '-----BEGIN PRIVATE KEY-----'.repeat(20_000)],
    ['dashes', '-'.repeat(400_000)],
    ['beginnings of keys', '-----BEGIN '.repeat(40_000)],
    ['spaces', `auth${' '.repeat(200_000)}priv${' '.repeat(200_000)}`],
    ['lists', '"password": ['.repeat(40_000)],
    ['references', '&amp;'.repeat(80_000)],
    ['assignments', 'token='.repeat(80_000)],
  ])('of %s takes time in proportion', async (_, written) => {
    const turn = await leastTurnOf(() => {
      text(written)
      message(Buffer.from(`<a><![CDATA[${written}]]></a>`))
    }, 10 * LONGEST_TURN)
    expect(turn).toBeLessThan(10 * LONGEST_TURN)
  })

  describe('that comes in pieces', () => {
    const lines = (...pieces: readonly string[]): string => {
      const piece = createRedaction().stream()
      return pieces.map((each) => piece(each)).join('')
    }

    it.each([
      [
        'a private key',
        '-----BEGIN RSA PRIVATE KEY-----\n',
        `${SECRET}\n`,
        `${SECRET}\n-----END RSA PRIVATE KEY-----\nafter\n`,
      ],
      ['an element', '<a>\n<shared-secret>\n', `${SECRET}\n`, `</shared-secret>\nafter\n`],
      ['a quoted value', 'secret "x\n', `${SECRET}\n`, `${SECRET}"; after\n`],
    ])('%s', (_, ...pieces) => {
      const kept = lines(...pieces)
      expect(kept).not.toContain(SECRET)
      expect(kept).toContain('[secret]')
      expect(kept).toContain('after')
    })

    it('is otherwise what it is in one', () => {
      expect(lines('show x\n', `password ${SECRET}\n`, 'more\n')).toBe('show x\npassword [secret]\nmore\n')
    })
  })
})
