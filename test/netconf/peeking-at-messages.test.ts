import { describe, expect, it } from 'vitest'
import { peekReply } from '../../src/netconf/peek-reply.js'
import { peekRequest } from '../../src/netconf/peek-request.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'

const HEAD = 400
const TAIL = 200

function edges(text: string) {
  const bytes = Buffer.from(text)
  return { bytes: bytes.length, head: bytes.subarray(0, HEAD), tail: bytes.subarray(HEAD).subarray(-TAIL) }
}

const request = (text: string) => peekRequest(edges(text))
const reply = (text: string) => peekReply(edges(text))
const filler = '<interface><name>ge-0/0/0</name></interface>'.repeat(40)

describe('a request', () => {
  it.each([
    [
      'get-config with its source',
      `<?xml version="1.0"?><rpc message-id="101" xmlns="${NETCONF_NS}"><get-config><source><running/></source></get-config></rpc>`,
      { messageId: '101', operation: { namespace: NETCONF_NS, name: 'get-config', datastore: 'running' }, more: false },
    ],
    [
      'prefixes, quotes and comments as a client likes them',
      `\n<!-- <rpc><x/> --><nc:rpc  xmlns:nc='${NETCONF_NS}' a="1 > 0" message-id = 'a&amp;b&#33;'\n><nc:lock ><!-- x --><nc:target><nc:candidate/></nc:target></nc:lock></nc:rpc>`,
      {
        messageId: 'a&b!',
        operation: { namespace: NETCONF_NS, name: 'lock', datastore: 'candidate' },
        more: false,
      },
    ],
    [
      'the namespace that the operation itself declares',
      `<rpc xmlns="${NETCONF_NS}"><get-schema xmlns="urn:x"><identifier>a</identifier></get-schema></rpc>`,
      { operation: { namespace: 'urn:x', name: 'get-schema' }, more: false },
    ],
    [
      'Junos without a message-id and without a namespace',
      '<rpc><request-system-reboot/></rpc>',
      { operation: { namespace: '', name: 'request-system-reboot' }, more: false },
    ],
    [
      'a source that is a configuration, a target that is a URL',
      `<rpc message-id="1"><copy-config><target><url>https://u:p@h/x</url></target><source><config/></source></copy-config></rpc>`,
      { messageId: '1', operation: { namespace: '', name: 'copy-config', datastore: 'url' }, more: false },
    ],
    [
      'the datastore of RFC 8526',
      `<rpc message-id="1"><get-data xmlns="urn:nmda"><datastore xmlns:ds="urn:ds">ds:operational</datastore></get-data></rpc>`,
      { messageId: '1', operation: { namespace: 'urn:nmda', name: 'get-data', datastore: 'operational' }, more: false },
    ],
    [
      'the source of RFC 9144',
      '<rpc message-id="1"><compare xmlns="urn:cmp"><source>ds:running</source><target>ds:intended</target></compare></rpc>',
      { messageId: '1', operation: { namespace: 'urn:cmp', name: 'compare', datastore: 'running' }, more: false },
    ],
    [
      'a source of somebody else',
      '<rpc message-id="1"><compare xmlns="urn:x"><source><y/></source></compare></rpc>',
      { messageId: '1', operation: { namespace: 'urn:x', name: 'compare' }, more: false },
    ],
    [
      'two operations, which no client should send',
      '<rpc message-id="1"><get/><edit-config/></rpc>',
      { messageId: '1', operation: { namespace: '', name: 'get' }, more: true },
    ],
    [
      'no operation',
      '<rpc message-id="1"></rpc>',
      { messageId: '1', operation: { namespace: '', name: 'unreadable' }, more: false },
    ],
    ['something else', '<hello/>', { operation: { namespace: '', name: 'unreadable' }, more: false }],
    ['no XML', 'garbage < > "', { operation: { namespace: '', name: 'unreadable' }, more: false }],
    ['nothing', '', { operation: { namespace: '', name: 'unreadable' }, more: false }],
    ['a DOCTYPE', '<!DOCTYPE x><rpc><get/></rpc>', { operation: { namespace: '', name: 'unreadable' }, more: false }],
  ])('%s', (_, text, expected) => {
    expect(request(text)).toEqual(expected)
  })

  it('of any size shows its operation and datastore, and nothing that it carries', () => {
    const text = `<rpc message-id="7" xmlns="${NETCONF_NS}"><edit-config><target><candidate/></target><config>${filler}<target><secret/></target></config></edit-config></rpc>`
    expect(request(text)).toEqual({
      messageId: '7',
      operation: { namespace: NETCONF_NS, name: 'edit-config', datastore: 'candidate' },
      more: false,
    })
  })

  it('shows a datastore that comes after a long configuration', () => {
    const text = `<rpc message-id="7"><edit-config><config>${filler}<target><x/></target></config><target><running/></target></edit-config></rpc>`
    expect(request(text).operation).toEqual({ namespace: '', name: 'edit-config', datastore: 'running' })
  })

  it('shows that a second operation hides behind a long first one', () => {
    const text = `<rpc message-id="7"><get><filter>${filler}</filter></get><delete-config><target><startup/></target></delete-config></rpc>`
    expect(request(text)).toMatchObject({ operation: { name: 'get' }, more: true })
  })

  it('is looked at without failing, wherever it is cut off', () => {
    const text = `<?xml version="1.0"?><!-- c --><rpc message-id="1" xmlns="${NETCONF_NS}"><edit-config><target><candidate/></target><config><![CDATA[<x>]]></config></edit-config></rpc>`
    for (let length = 0; length <= text.length; length += 1) {
      const head = Buffer.from(text.slice(0, length))
      expect(() => peekRequest({ head, tail: Buffer.alloc(0), bytes: text.length })).not.toThrow()
      expect(() => peekReply({ head, tail: head })).not.toThrow()
    }
  })
})

const rpcError = (tag: string, severity = 'error') =>
  `<rpc-error><error-type>application</error-type><error-tag>${tag}</error-tag><error-severity>${severity}</error-severity></rpc-error>`

describe('a reply', () => {
  it.each([
    ['ok', `<rpc-reply xmlns="${NETCONF_NS}" message-id="1"><ok/></rpc-reply>`, undefined],
    ['data', `<rpc-reply message-id="1"><data>${filler}</data></rpc-reply>`, undefined],
    ['an error', `<rpc-reply message-id="1">${rpcError('lock-denied')}</rpc-reply>`, 'lock-denied'],
    [
      'an error with prefixes',
      `<nc:rpc-reply xmlns:nc="${NETCONF_NS}" message-id="1"><nc:rpc-error>\n<nc:error-severity> error </nc:error-severity><nc:error-tag>\nin-use\n</nc:error-tag></nc:rpc-error></nc:rpc-reply>`,
      'in-use',
    ],
    [
      'a warning with ok, as Junos sends it',
      `<rpc-reply message-id="1">${rpcError('x', 'warning')}<ok/></rpc-reply>`,
      undefined,
    ],
    [
      'a warning and an error',
      `<rpc-reply message-id="1">${rpcError('x', 'warning')}${rpcError('data-missing')}</rpc-reply>`,
      'data-missing',
    ],
    [
      'an error in the results of Junos',
      `<rpc-reply message-id="1"><load-configuration-results>${rpcError('bad-element')}<load-error-count>1</load-error-count></load-configuration-results></rpc-reply>`,
      'bad-element',
    ],
    [
      'an error after much else',
      `<rpc-reply message-id="1"><commit-results>${filler}${rpcError('operation-failed')}</commit-results></rpc-reply>`,
      'operation-failed',
    ],
    [
      'an error that is told without a tag',
      `<rpc-reply message-id="1"><rpc-error><error-severity>error</error-severity></rpc-error></rpc-reply>`,
      'operation-failed',
    ],
    ['a tag that is no word', `<rpc-reply message-id="1">${rpcError('a b\nc')}</rpc-reply>`, 'operation-failed'],
    [
      'data that tell of errors',
      `<rpc-reply message-id="1"><data><log>${rpcError('in-use')}</log></data></rpc-reply>`,
      undefined,
    ],
    [
      'data that tell of errors at their end',
      `<rpc-reply message-id="1"><data>${filler}${rpcError('in-use')}</data></rpc-reply>`,
      undefined,
    ],
  ])('%s', (_, text, errorTag) => {
    expect(reply(text)).toEqual({ kind: 'reply', messageId: '1', ...(errorTag === undefined ? {} : { errorTag }) })
  })

  it('an error whose end lies beyond the head', () => {
    const { head } = edges(
      `<rpc-reply message-id="1"><rpc-error><error-tag>too-big</error-tag><error-message>${'x'.repeat(1000)}</error-message></rpc-error></rpc-reply>`,
    )
    expect(peekReply({ head, tail: Buffer.alloc(0) })).toEqual({
      kind: 'reply',
      messageId: '1',
      errorTag: 'too-big',
    })
  })

  it('without a message-id', () => {
    expect(reply('<rpc-reply><ok/></rpc-reply>')).toEqual({ kind: 'reply' })
  })

  it('a notification is none, and neither is anything else', () => {
    expect(reply('<notification xmlns="urn:x"><eventTime/></notification>')).toEqual({ kind: 'notification' })
    expect(reply('<junoscript/>')).toEqual({ kind: 'unreadable' })
    expect(reply('')).toEqual({ kind: 'unreadable' })
  })
})
