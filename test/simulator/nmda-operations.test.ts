import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NMDA_COMPARE_NS, NMDA_NS } from '../../src/netconf/xml/namespaces.js'
import { createNetconfServer, type NetconfServer } from '../../src/simulator/netconf-server.js'
import { configText, connectTo, type TestClient, tags } from './support/netconf-client.js'

let server: NetconfServer
let client: TestClient

beforeEach(async () => {
  server = createNetconfServer({ deviceId: 'r1' })
  client = await connectTo(server)
})

afterEach(() => {
  client.drop()
  server.stop()
})

const getData = (datastore: string, more = ''): string =>
  `<get-data xmlns="${NMDA_NS}" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"
    xmlns:or="urn:ietf:params:xml:ns:yang:ietf-origin"><datastore>ds:${datastore}</datastore>${more}</get-data>`

const editData = (datastore: string, location: string, more = ''): string =>
  `<edit-data xmlns="${NMDA_NS}" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">
    <datastore>ds:${datastore}</datastore>${more}
    <config><d:system><d:location>${location}</d:location></d:system></config></edit-data>`

const compare = (source: string, target: string, more = ''): string =>
  `<compare xmlns="${NMDA_COMPARE_NS}" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">
    <source>ds:${source}</source><target>ds:${target}</target>${more}</compare>`

describe('get-data', () => {
  test('running has configuration, operational has state too', async () => {
    const running = await client.askText(getData('running'))
    expect(running).toMatch(/<data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda">.*<hostname>r1</)
    expect(running).not.toContain('oper-status')
    const operational = await client.askText(getData('operational'))
    expect(operational).toContain('<oper-status>up</oper-status>')
    expect(await client.askText(getData('intended'))).toBe(running.replace('message-id="1"', 'message-id="3"'))
  })

  test('a subtree filter, and a depth', async () => {
    const filter = '<subtree-filter><d:system><d:hostname/></d:system></subtree-filter>'
    const filtered = await client.askText(getData('operational', filter))
    expect(filtered).toContain('<hostname>r1</hostname>')
    expect(filtered).not.toContain('location')
    const shallow = await client.askText(getData('running', '<max-depth>2</max-depth>'))
    expect(shallow).toContain('<hostname>r1</hostname>')
    expect(shallow).toContain('<interface/>')
  })

  test('configuration alone, or state alone with the keys of the lists that it is in', async () => {
    const config = await client.askText(getData('operational', '<config-filter>true</config-filter>'))
    expect(config).toContain('<mtu>1500</mtu>')
    expect(config).not.toMatch(/oper-status|netconf-state/)
    const state = await client.askText(getData('operational', '<config-filter>false</config-filter>'))
    expect(state).toContain('<name>ge-0/0/0</name><oper-status>up</oper-status>')
    expect(state).not.toMatch(/<mtu>|<hostname>/)
  })

  test('origins: shown, and filtered by', async () => {
    expect(await client.askText(getData('operational', '<with-origin/>'))).toMatch(
      /<system [^>]*or:origin="or:intended"/,
    )
    const learned = await client.askText(getData('operational', '<origin-filter>or:learned</origin-filter>'))
    expect(learned).toContain('<oper-status>up')
    expect(learned).not.toContain('<mtu>')
    const others = getData('operational', '<negated-origin-filter>or:intended</negated-origin-filter>')
    expect(await client.askText(others)).not.toContain('<mtu>')
  })

  test.each([
    ['a datastore that there is not', getData('dynamic'), 'invalid-value'],
    ['no datastore', `<get-data xmlns="${NMDA_NS}"/>`, 'missing-element'],
    ['an XPath', getData('running', '<xpath-filter>/x</xpath-filter>'), 'unknown-element'],
    ['origins of what has none', getData('running', '<with-origin/>'), 'unknown-element'],
    ['a depth of nothing', getData('running', '<max-depth>0</max-depth>'), 'invalid-value'],
    ['a word', getData('running', '<config-filter>maybe</config-filter>'), 'invalid-value'],
  ])('%s is refused', async (_, request, tag) => {
    expect(tags(await client.ask(request))).toEqual([tag])
  })
})

describe('edit-data', () => {
  test('changes what can be written', async () => {
    expect((await client.ask(editData('candidate', 'here'))).ok).toBe(true)
    expect(await configText(client, 'candidate')).toContain('<location>here<')
    expect(await configText(client, 'running')).not.toContain('<location>here<')
    expect((await client.ask(editData('running', 'there'))).ok).toBe(true)
    expect(await configText(client, 'running')).toContain('<location>there<')
  })

  test('replaces what it does not mention, where it is told to', async () => {
    await client.ask(editData('candidate', 'alone', '<default-operation>replace</default-operation>'))
    expect(await configText(client, 'candidate')).toBe('<data><system><location>alone</location></system></data>')
  })

  test('does all of it or nothing', async () => {
    const request = editData('candidate', 'here').replace('</config>', '<d:nothing/></config>')
    expect(tags(await client.ask(request))).toEqual(['unknown-element'])
    expect(await configText(client, 'candidate')).toBe(await configText(client, 'running'))
  })

  test('keeps to locks, and writes no operational', async () => {
    const other = await connectTo(server)
    await other.ask('<lock><target><candidate/></target></lock>')
    expect(tags(await client.ask(editData('candidate', 'here')))).toEqual(['in-use'])
    other.drop()
    expect(tags(await client.ask(editData('operational', 'here')))).toEqual(['invalid-value'])
  })
})

describe('compare', () => {
  test('no-matches where nothing differs; state does not count', async () => {
    expect(await client.askText(compare('running', 'candidate'))).toContain('<no-matches')
    expect(await client.askText(compare('operational', 'intended'))).toContain('<no-matches')
  })

  test('a YANG patch from the source to the target, with both values', async () => {
    await client.ask(
      `<edit-config><target><candidate/></target><config><d:interfaces>
        <d:interface><d:name>ge-0/0/0</d:name><d:mtu>9000</d:mtu></d:interface>
        <d:interface nc:operation="delete"><d:name>ge-0/0/1</d:name></d:interface>
        <d:interface><d:name>ge-0/0/2</d:name></d:interface>
      </d:interfaces></config></edit-config>`,
    )
    const text = await client.askText(compare('running', 'candidate'))
    const edits = [...text.matchAll(/<edit>(.*?)<\/edit>/g)].map(([, edit = '']) => edit)
    expect(edits).toHaveLength(3)
    expect(edits[0]).toMatch(/<operation>delete<.*<target>\/simulated-device:interfaces\/interface=ge-0%2F0%2F1</)
    expect(edits[1]).toMatch(
      /<operation>replace<.*ge-0%2F0%2F0\/mtu<.*<value><mtu .*>9000<.*<source-value><mtu .*>1500</,
    )
    expect(edits[2]).toMatch(/<operation>create<.*interface=ge-0%2F0%2F2</)
  })

  test('only where a filter looks; with state where all is asked for', async () => {
    await client.ask(editData('candidate', 'here'))
    const filter = '<subtree-filter><d:interfaces/></subtree-filter>'
    expect(await client.askText(compare('running', 'candidate', filter))).toContain('<no-matches')
    expect(await client.askText(compare('operational', 'intended', '<all/>'))).toMatch(
      /<operation>delete<\/operation><target>\/simulated-device:system\/state</,
    )
  })

  test.each([
    ['no target', compare('running', 'candidate').replace(/<target>.*<\/target>/, ''), 'missing-element'],
    ['a datastore that there is not', compare('running', 'elsewhere'), 'invalid-value'],
    ['an XPath', compare('running', 'candidate', '<xpath-filter>/x</xpath-filter>'), 'unknown-element'],
  ])('%s is refused', async (_, request, tag) => {
    expect(tags(await client.ask(request))).toEqual([tag])
  })
})

test('Junos has none of them', async () => {
  const junos = createNetconfServer({ deviceId: 'r1', dialect: 'junos', bases: ['1.1'] })
  const on = await connectTo(junos)
  for (const request of [getData('running'), editData('running', 'x'), compare('running', 'candidate')])
    expect(tags(await on.ask(request))).toEqual(['operation-not-supported'])
  on.drop()
  junos.stop()
})
