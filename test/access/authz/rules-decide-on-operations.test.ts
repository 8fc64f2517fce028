import { describe, expect, it } from 'vitest'
import { formatOperation, type Operation, operationOf } from '../../../src/access/authz/operation.js'
import { decide, type OperationRule } from '../../../src/access/authz/operation-rule.js'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { parseXml } from '../../../src/netconf/xml/xml-parse.js'
import { readOperationPattern } from '../../../src/config/operation-pattern.js'

const nmda = 'urn:ietf:params:xml:ns:yang:ietf-netconf-nmda'
const compare = 'urn:ietf:params:xml:ns:yang:ietf-nmda-compare'
const running = '<source><running/></source>'

/** An operation as it stands in an `<rpc>` of NETCONF's namespace. */
function operation(xml: string): Operation {
  const parsed = parseXml(
    xml.replace(/^<[^\s/>]+/, (tag) => (xml.includes(' xmlns') ? tag : `${tag} xmlns="${NETCONF_NS}"`)),
  )
  if (!parsed.ok) throw new Error(parsed.error.cause)
  return operationOf(parsed.value)
}

/** Rules as a role has them: what it allows, and after `!` what it denies. */
function rules(...written: readonly string[]): readonly OperationRule[] {
  return written.map((text) => {
    const read = readOperationPattern(text.replace(/^!/, ''))
    if (!read.ok) throw new Error(read.message)
    return { effect: text.startsWith('!') ? 'deny' : 'allow', ...read.value }
  })
}

const copy = (source: string, target: string): string =>
  `<copy-config><target>${target}</target><source>${source}</source></copy-config>`
const edit = (target: string): string => `<edit-config><target>${target}</target><config/></edit-config>`

const comparing = (source: string, target: string): string =>
  `<compare xmlns="${compare}"><source>ds:${source}</source><target>ds:${target}</target></compare>`

describe('an operation element is read', () => {
  it.each([
    ['<get/>', 'get', []],
    [`<get-config>${running}</get-config>`, 'get-config:running', ['read running']],
    [`<get-config><source><url>ftp://x</url></source></get-config>`, 'get-config:url', ['read url']],
    [edit('<candidate/>'), 'edit-config:candidate', ['write candidate']],
    [
      '<edit-config><target><candidate/></target><url>file:///x</url></edit-config>',
      'edit-config:candidate',
      ['write candidate', 'read url'],
    ],
    [copy('<running/>', '<startup/>'), 'copy-config:startup', ['write startup', 'read running']],
    [copy('<config><x/></config>', '<url>ftp://x</url>'), 'copy-config:url', ['write url', 'read config']],
    ['<validate><source><config><a/>b</config></source></validate>', 'validate:config', ['other config']],
    ['<lock><target><candidate/></target></lock>', 'lock:candidate', ['other candidate']],
    [
      `<lock><target><datastore xmlns="${nmda}">ds:candidate</datastore></target></lock>`.replace(
        '<lock>',
        `<lock xmlns="${NETCONF_NS}">`,
      ),
      'lock:candidate',
      ['other candidate'],
    ],
    [
      `<compare xmlns="${compare}"><source>ds:operational</source><target>ds:intended</target></compare>`,
      'compare:operational',
      ['read operational', 'read intended'],
    ],
    [
      `<get-data xmlns="${nmda}"><datastore> ds:operational </datastore></get-data>`,
      'get-data:operational',
      ['read operational'],
    ],
    [`<edit-data xmlns="${nmda}"><datastore>running</datastore></edit-data>`, 'edit-data:running', ['write running']],
    ['<reset xmlns="urn:acme"/>', '{urn:acme}reset', []],
    ['<lock xmlns="urn:acme"><target>card 1</target></lock>', '{urn:acme}lock', []],
    ['<request-system-reboot xmlns=""/>', 'request-system-reboot', []],
  ])('%s', (xml, formatted, uses) => {
    const read = operation(xml)
    expect(formatOperation(read)).toBe(formatted)
    expect(read.uses.map(({ access, datastore }) => `${access} ${datastore}`)).toEqual(uses)
    expect(read.unclear).toBeUndefined()
  })

  it.each([
    '<get-config/>',
    '<get-config><source/></get-config>',
    '<get-config><source>running</source></get-config>',
    '<get-config><source><running/><startup/></source></get-config>',
    '<get-config><source><running>startup</running></source></get-config>',
    '<get-config><source><x><running/></x></source></get-config>',
    `<get-config>${running}${running}</get-config>`,
    `<get-config>${running}<Source><startup/></Source></get-config>`,
    `<x:edit-config xmlns:x="${NETCONF_NS}" xmlns:y="urn:y"><x:target><x:candidate/></x:target><y:target><x:running/></y:target></x:edit-config>`,
    '<edit-config><config/></edit-config>',
    copy('', '<startup/>'),
    '<lock><target><datastore>a b</datastore></target></lock>',
    '<lock><target><datastore><running/></datastore></target></lock>',
    '<include xmlns="http://www.w3.org/2001/XInclude" href="x"/>',
    '<get-config><source><include xmlns="http://www.w3.org/2001/XInclude" href="x"/></source></get-config>'.replace(
      '<get-config>',
      `<get-config xmlns="${NETCONF_NS}">`,
    ),
  ])('as unclear: %s', (xml) => {
    const read = operation(xml)
    expect(read.unclear).toBeDefined()
    expect(decide({ kind: 'rules', roles: [rules('*')] }, read)).toEqual({ allowed: false, reason: read.unclear })
    expect(decide({ kind: 'all' }, read)).toEqual({ allowed: true })
  })

  it('and named shortly, however long it is', () => {
    expect(formatOperation(operation(`<${'x'.repeat(5000)} xmlns="urn:${'y'.repeat(5000)}"/>`)).length).toBeLessThan(
      220,
    )
  })
})

describe('rules decide', () => {
  it.each<[readonly string[], string, boolean]>([
    [['get'], '<get/>', true],
    [['get'], '<get xmlns=""/>', true],
    [['get'], '<get xmlns="urn:acme"/>', false],
    [['get'], '<GET/>', false],
    [['get'], '<get-config/>', false],
    [['get*'], `<get-config>${running}</get-config>`, true],
    [['get*'], '<get-config xmlns="urn:acme"/>', false],
    [['get*'], '<get-chassis-inventory xmlns="http://yang.juniper.net/junos/rpc/chassis"/>', true],
    [['get-schema'], '<get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"/>', true],
    [['get-schema'], '<get-schema/>', true],
    [['get-schema'], '<get-schema xmlns="urn:acme"/>', false],
    [['request-*'], '<request-system-reboot/>', true],
    [['command'], '<command>show version</command>', true],
    [['{urn:acme}*'], '<reset xmlns="urn:acme"/>', true],
    [['{urn:acme}*'], '<reset xmlns="urn:acme:other"/>', false],
    [['{urn:acme}*'], '<edit-config xmlns="urn:acme"/>', false],
    [['{urn:acme}edit-config'], '<edit-config xmlns="urn:acme"/>', true],
    [['{urn:acme}edit-config'], edit('<running/>'), false],
    [['*'], '<edit-config xmlns="urn:acme"/>', true],
    // What is always allowed.
    [[], '<close-session/>', true],
    [['!*'], '<close-session xmlns=""/>', true],
    [[], '<close-session xmlns="urn:acme"/>', false],
    [[], '<kill-session/>', false],
    // Datastores.
    [['get-config:running'], `<get-config>${running}</get-config>`, true],
    [['get-config:running'], '<get-config><source><startup/></source></get-config>', false],
    [['get-config:running'], '<get-config><source><Running/></source></get-config>', false],
    [['edit-config:candidate'], edit('<candidate/>'), true],
    [['edit-config:candidate'], edit('<running/>'), false],
    [['edit-config:candidate'], '<edit-config><target><candidate/></target><url>x</url></edit-config>', false],
    [
      ['edit-config:candidate', 'edit-config:url'],
      '<edit-config><target><candidate/></target><url>x</url></edit-config>',
      true,
    ],
    [['*:candidate'], '<lock><target><candidate/></target></lock>', true],
    [['*:candidate'], '<get/>', false],
    // Who copies reads, too.
    [['copy-config:startup'], copy('<running/>', '<startup/>'), false],
    [['copy-config:startup', 'get-config:running'], copy('<running/>', '<startup/>'), true],
    [['copy-config:startup', 'get-config:running'], copy('<startup/>', '<running/>'), false],
    [['copy-config:startup'], copy('<config/>', '<startup/>'), true],
    [['copy-config:startup'], copy('<url>x</url>', '<startup/>'), false],
    [['copy-config:startup', 'get-config'], copy('<running/>', '<url>x</url>'), false],
    [['copy-config'], copy('<running/>', '<url>x</url>'), true],
    // Denials.
    [['*', '!edit-config'], edit('<candidate/>'), false],
    [['*', '!edit-config'], edit('<candidate/>').replace('<edit-config', '<edit-config xmlns="urn:acme"'), false],
    [['*', '!edit-config'], '<Edit-Config xmlns="urn:acme"/>', false],
    [['*', '!edit-config:running'], edit('<candidate/>'), true],
    [['*', '!edit-config:running'], edit('<running/>'), false],
    [['*', '!edit-config:running'], edit('<RUNNING/>'), false],
    [['*', '!edit-config:running'], '<edit-config xmlns="urn:acme"/>', false],
    [['*', '!edit-config:running'], copy('<startup/>', '<running/>'), false],
    [['*', '!edit-config:running'], copy('<running/>', '<startup/>'), true],
    [['*', '!edit-config:running'], `<edit-data xmlns="${nmda}"><datastore>ds:running</datastore></edit-data>`, false],
    [['*', '!edit-config:startup'], '<delete-config><target><startup/></target></delete-config>', false],
    [['*', '!get-config:startup'], copy('<startup/>', '<running/>'), false],
    [['*', '!get-config:startup'], `<get-data xmlns="${nmda}"><datastore>ds:startup</datastore></get-data>`, false],
    [['*', '!edit-config'], copy('<running/>', '<url>x</url>'), true],
    [['*', '!{urn:acme}reset'], '<reset xmlns="urn:acme"/>', false],
    [['*', '!{urn:acme}reset'], '<reset xmlns=""/>', false],
    [['*', '!{urn:acme}reset'], '<reset xmlns="urn:other"/>', true],
    [['*', '!request-*'], '<Request-System-Halt xmlns="urn:any"/>', false],
    [['get', '!get'], '<get/>', false],
    // Who compares reads both.
    [['compare'], comparing('running', 'candidate'), true],
    [['compare:running'], comparing('running', 'candidate'), false],
    [['compare:running', 'get-config:candidate'], comparing('running', 'candidate'), true],
    [['compare:running', 'compare:candidate'], comparing('running', 'candidate'), true],
    [['get-config'], comparing('running', 'candidate'), false],
    [['*', '!get-config:candidate'], comparing('running', 'candidate'), false],
    [['*', '!get-config:candidate'], comparing('candidate', 'running'), false],
    [['*', '!get-config:startup'], comparing('running', 'candidate'), true],
    [['*', '!edit-config'], comparing('running', 'candidate'), true],
    [['*', '!get-config:startup'], '<compare/>', false],
    [['*', '!commit'], '<cancel-commit/>', true],
    [['*', '!cancel-commit'], '<cancel-commit/>', false],
  ])('%j on %s: %s', (written, xml, allowed) => {
    expect(decide({ kind: 'rules', roles: [rules(...written)] }, operation(xml)).allowed).toBe(allowed)
  })

  it('of one role alone: another role allows what this one denies', () => {
    const roles = [rules('*', '!commit'), rules('commit')]
    expect(decide({ kind: 'rules', roles }, operation('<commit/>')).allowed).toBe(true)
    const reading = [rules('copy-config:startup'), rules('get-config')]
    expect(decide({ kind: 'rules', roles: reading }, operation(copy('<running/>', '<startup/>'))).allowed).toBe(false)
  })

  it('and say why not', () => {
    const policy = { kind: 'rules', roles: [rules('get', '!lock')] } as const
    expect(decide(policy, operation(edit('<running/>')))).toEqual({
      allowed: false,
      reason: 'no rule allows edit-config:running',
    })
    expect(decide(policy, operation('<lock><target><running/></target></lock>'))).toEqual({
      allowed: false,
      reason: 'a rule denies lock:running',
    })
  })
})
