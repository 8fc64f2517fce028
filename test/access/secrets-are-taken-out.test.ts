import { describe, expect, it } from 'vitest'
import { createRedaction, SECRET_NAMES } from '../../src/access/redaction.js'

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
  ])('%s', (_, xml) => {
    const kept = shown(xml)
    expect(kept).toBeDefined()
    expect(kept).not.toContain(SECRET)
    expect(kept).toContain('[secret]')
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

  it('of any size takes time in proportion', () => {
    const began = performance.now()
    text('secret "'.repeat(50_000))
    text(`key ${'\\'.repeat(200_000)}`)
    text('password'.repeat(50_000))
    expect(performance.now() - began).toBeLessThan(5000)
  })
})
