import { beforeEach, describe, expect, test } from 'vitest'
import { createNetconfServer } from '../../src/simulator/netconf-server.js'
import { configText, connectTo, type TestClient, tags } from './support/netconf-client.js'

let client: TestClient
beforeEach(async () => {
  client = await connectTo(createNetconfServer({ deviceId: 'r1' }))
  return () => client.drop()
})

/** Edits the candidate, unless told otherwise. */
function edit(config: string, more = '', target = 'candidate') {
  return client.ask(`<edit-config><target><${target}/></target>${more}<config>${config}</config></edit-config>`)
}

async function start(config: string): Promise<void> {
  expect((await edit(config, '<default-operation>replace</default-operation><test-option>set</test-option>')).ok).toBe(
    true,
  )
}

const system = (content: string, attributes = '') => `<d:system ${attributes}>${content}</d:system>`
const entry = (name: string, content = '', attributes = '') =>
  `<d:interfaces><d:interface ${attributes}><d:name>${name}</d:name>${content}</d:interface></d:interfaces>`
const candidate = () => configText(client, 'candidate')

describe('operations', () => {
  beforeEach(() => start(system('<d:hostname>h</d:hostname><d:location>l</d:location>')))

  test.each([
    ['merge is the default', system('<d:hostname>new</d:hostname>'), '<hostname>new</hostname><location>l</location>'],
    ['replace', system('<d:hostname>new</d:hostname>', 'nc:operation="replace"'), '<hostname>new</hostname>'],
    [
      'create',
      system('<d:contact nc:operation="create">c</d:contact>'),
      '<hostname>h</hostname><location>l</location><contact>c</contact>',
    ],
    ['delete', system('<d:location nc:operation="delete"/>'), '<hostname>h</hostname>'],
    ['remove', system('<d:location nc:operation="remove"/>'), '<hostname>h</hostname>'],
    [
      'remove what is not there',
      system('<d:contact nc:operation="remove"/>'),
      '<hostname>h</hostname><location>l</location>',
    ],
  ])('%s', async (_what, config, expected) => {
    expect((await edit(config)).ok).toBe(true)
    expect(await candidate()).toBe(`<data><system>${expected}</system></data>`)
  })

  test.each([
    ['create what exists', system('<d:hostname nc:operation="create">x</d:hostname>'), 'data-exists'],
    ['delete what does not', system('<d:contact nc:operation="delete"/>'), 'data-missing'],
    ['an operation of no name', system('', 'nc:operation="mend"'), 'bad-attribute'],
    ['an unknown element', system('<d:flavour>x</d:flavour>'), 'unknown-element'],
    ['a name that objects inherit', '<d:constructor/>', 'unknown-element'],
    ['state', system('<d:state/>'), 'unknown-element'],
    ['an unknown namespace', '<x xmlns="urn:x"/>', 'unknown-namespace'],
    ['a value that does not fit', entry('a', '<d:mtu>20</d:mtu>'), 'invalid-value'],
    ['elements in a leaf', system('<d:hostname><d:x/></d:hostname>'), 'unknown-element'],
    ['a list entry without its key', '<d:interfaces><d:interface/></d:interfaces>', 'missing-element'],
  ])('refused: %s', async (_what, config, tag) => {
    const before = await candidate()
    expect(tags(await edit(config))).toEqual([tag])
    expect(await candidate()).toBe(before)
  })

  test('an error tells where it is', async () => {
    const reply = await edit(entry('a', '<d:mtu>20</d:mtu>'))
    expect(reply.errors[0]).toMatchObject({
      severity: 'error',
      path: "/dev:interfaces/dev:interface[dev:name='a']/dev:mtu",
      pathNamespaces: { dev: 'urn:homeport:simulated-device' },
    })
  })

  test('a container that comes up empty is gone', async () => {
    await edit(system('<d:hostname nc:operation="delete"/><d:location nc:operation="delete"/>'))
    expect(await candidate()).toBe('<data/>')
  })
})

describe('lists', () => {
  beforeEach(() => start(entry('a', '<d:mtu>1500</d:mtu>')))
  const interfaces = (content: string) => `<data><interfaces>${content}</interfaces></data>`

  test('entries are told by their key', async () => {
    await edit(entry('b'))
    await edit(entry('a', '<d:description>x</d:description>'))
    expect(await candidate()).toBe(
      interfaces(
        '<interface><name>a</name><mtu>1500</mtu><description>x</description></interface><interface><name>b</name></interface>',
      ),
    )
  })

  test('an entry is replaced, deleted, created', async () => {
    await edit(entry('a', '<d:description>x</d:description>', 'nc:operation="replace"'))
    expect(await candidate()).toBe(interfaces('<interface><name>a</name><description>x</description></interface>'))
    expect(tags(await edit(entry('a', '', 'nc:operation="create"')))).toEqual(['data-exists'])
    expect((await edit(entry('a', '', 'nc:operation="delete"'))).ok).toBe(true)
    expect(tags(await edit(entry('a', '', 'nc:operation="delete"')))).toEqual(['data-missing'])
    expect(await candidate()).toBe('<data/>')
  })

  test('a leaf-list is told by its values', async () => {
    await edit(
      system('<d:dns-server>::1</d:dns-server><d:dns-server>::2</d:dns-server><d:dns-server>::1</d:dns-server>'),
    )
    await edit(system('<d:dns-server nc:operation="delete">::1</d:dns-server>'))
    expect(await candidate()).toContain('<system><dns-server>::2</dns-server></system>')
  })
})

describe('default-operation', () => {
  beforeEach(() => start(system('<d:hostname>h</d:hostname>') + entry('a')))

  test('replace: what is not in the edit goes', async () => {
    await edit(system('<d:location>l</d:location>'), '<default-operation>replace</default-operation>')
    expect(await candidate()).toBe('<data><system><location>l</location></system></data>')
  })

  test('none: only what names an operation changes', async () => {
    await edit(
      system('<d:hostname>ignored</d:hostname><d:location nc:operation="merge">l</d:location>'),
      '<default-operation>none</default-operation>',
    )
    expect(await candidate()).toContain('<hostname>h</hostname><location>l</location>')
    expect(tags(await edit(entry('none'), '<default-operation>none</default-operation>'))).toEqual(['data-missing'])
  })

  test('another word is refused', async () => {
    expect(tags(await edit('', '<default-operation>mend</default-operation>'))).toEqual(['invalid-value'])
  })
})

describe('error-option, with test-option set', () => {
  const set = (option: string) => `<test-option>set</test-option><error-option>${option}</error-option>`
  const twoErrors = system(
    '<d:location>new</d:location><d:contact nc:operation="delete"/><d:dns-server>::1</d:dns-server><d:flavour/>',
  )
  beforeEach(() => start(system('<d:hostname>h</d:hostname>')))

  test.each([
    ['stop-on-error', ['data-missing'], '<hostname>h</hostname><location>new</location>'],
    [
      'continue-on-error',
      ['data-missing', 'unknown-element'],
      '<hostname>h</hostname><location>new</location><dns-server>::1</dns-server>',
    ],
    ['rollback-on-error', ['data-missing'], '<hostname>h</hostname>'],
  ])('%s', async (option, errors, expected) => {
    expect(tags(await edit(twoErrors, set(option)))).toEqual(errors)
    expect(await candidate()).toBe(`<data><system>${expected}</system></data>`)
  })
})

describe('test-option', () => {
  beforeEach(() => start(system('<d:hostname>h</d:hostname>')))

  test('test-then-set sets nothing when the edit itself is wrong, and tells all that is', async () => {
    const wrong = system('<d:location>new</d:location><d:flavour/><d:dns-server>x</d:dns-server>')
    expect(tags(await edit(wrong))).toEqual(['unknown-element', 'invalid-value'])
    expect(await candidate()).toBe('<data><system><hostname>h</hostname></system></data>')
  })

  test('test-only sets nothing, and judges the outcome', async () => {
    expect((await edit(system('<d:location>l</d:location>'), '<test-option>test-only</test-option>')).ok).toBe(true)
    const orphan = entry('a', '<d:parent>none</d:parent>')
    expect((await edit(orphan, '<test-option>test-only</test-option>')).errors[0]).toMatchObject({
      tag: 'data-missing',
      appTag: 'instance-required',
    })
    expect(await candidate()).toBe('<data><system><hostname>h</hostname></system></data>')
  })
})

describe('other datastores', () => {
  test('running is written at once, and must stay fit to run', async () => {
    expect((await edit(system('<d:location>l</d:location>'), '', 'running')).ok).toBe(true)
    expect(await configText(client, 'running')).toContain('<location>l</location>')
    expect(tags(await edit(entry('a', '<d:parent>none</d:parent>'), '', 'running'))).toEqual(['data-missing'])
    expect(await configText(client, 'running')).not.toContain('parent')
  })

  test('there is no startup', async () => {
    expect(tags(await edit('', '', 'startup'))).toEqual(['operation-not-supported'])
    expect(tags(await client.ask('<get-config><source><startup/></source></get-config>'))).toEqual([
      'operation-not-supported',
    ])
  })

  test('what is missing is named', async () => {
    expect(tags(await client.ask('<edit-config><config/></edit-config>'))).toEqual(['missing-element'])
    expect(tags(await client.ask('<edit-config><target><running/></target></edit-config>'))).toEqual([
      'missing-element',
    ])
    expect(tags(await client.ask('<get-config/>'))).toEqual(['missing-element'])
  })

  test('copy-config, delete-config, validate', async () => {
    const inline = `<source><config>${system('<d:hostname>copied</d:hostname>')}</config></source>`
    expect((await client.ask(`<copy-config><target><candidate/></target>${inline}</copy-config>`)).ok).toBe(true)
    expect(await candidate()).toBe('<data><system><hostname>copied</hostname></system></data>')
    expect(
      (await client.ask('<copy-config><target><running/></target><source><candidate/></source></copy-config>')).ok,
    ).toBe(true)
    expect(await configText(client, 'running')).toBe(await candidate())
    expect(
      tags(await client.ask('<copy-config><target><running/></target><source><running/></source></copy-config>')),
    ).toEqual(['invalid-value'])
    expect((await client.ask('<delete-config><target><candidate/></target></delete-config>')).ok).toBe(true)
    expect(await candidate()).toBe('<data/>')
    expect(tags(await client.ask('<delete-config><target><running/></target></delete-config>'))).toEqual([
      'operation-not-supported',
    ])

    await edit(entry('a', '<d:parent>none</d:parent>'), '<test-option>set</test-option>')
    expect(tags(await client.ask('<validate><source><candidate/></source></validate>'))).toEqual(['data-missing'])
    expect(tags(await client.ask('<commit/>'))).toEqual(['data-missing'])
    expect((await client.ask('<validate><source><running/></source></validate>')).ok).toBe(true)
    expect(
      tags(await client.ask(`<validate><source><config>${system('<d:x/>')}</config></source></validate>`)),
    ).toEqual(['unknown-element'])
    expect((await client.ask('<discard-changes/>')).ok).toBe(true)
    expect(await candidate()).toBe(await configText(client, 'running'))
  })
})
