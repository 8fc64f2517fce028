import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operationOf } from '../../src/access/authz/operation.js'
import { meetsNeed } from '../../src/netconf/capabilities.js'
import { writeOperation } from '../../src/netconf/written-operation.js'
import { InvalidField, HeldPayload } from '../../src/operations/payload.js'
import { operationNamed, OPERATIONS } from '../../src/operations/register.js'
import { sessionPolicyOf } from '../../src/rpc/session-policy.js'
import { createNetconfServer, type NetconfServer } from '../../src/simulator/netconf-server.js'
import { connectTo, type TestClient, tags } from '../simulator/support/netconf-client.js'

let server: NetconfServer
let client: TestClient

beforeAll(async () => {
  server = createNetconfServer({ deviceId: 'r1' })
  client = await connectTo(server)
})

afterAll(() => {
  client.drop()
  server.stop()
})

/** Examples that only work on a device in a certain state, with what a device without it answers. */
const IN_ITS_STATE: Readonly<Record<string, readonly string[]>> = {
  'kill-session': ['invalid-value'],
  'cancel-commit': ['operation-failed'],
}

describe('an operation', () => {
  // The order of the register: there is something to commit, and a lock to give back.
  it.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
    '%s: its example works on a simulated device',
    async (name, operation) => {
      const reply = await client.ask(operation.build(operation.example))
      expect(tags(reply)).toEqual(IN_ITS_STATE[name] ?? [])
    },
  )

  it.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
    '%s: the element that it builds is the one that it is registered as',
    (name, operation) => {
      const built = operation.build(operation.example)
      expect({ name: built.name, namespace: built.namespace }).toEqual({ name, namespace: operation.namespace })
      expect(sessionPolicyOf(built)).toEqual(operation.session(built))
      const { uses, unclear } = operationOf(built)
      expect(unclear).toBeUndefined()
      expect(uses.map(({ access }) => access)).toEqual(operation.permission.map(({ access }) => access))
    },
  )
})

const text = (name: string, parameters: object): string => {
  const written = writeOperation(operationNamed(name)?.build(parameters) ?? expect.fail(`there is no ${name}`))
  return written.ok ? written.value.text : expect.fail(written.error)
}

describe('operations of NMDA', () => {
  it('name datastores and origins as identities', () => {
    const asked = text('get-data', { datastore: 'operational', 'origin-filter': ['learned', 'system'] })
    expect(asked).toContain('<nmda:datastore xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">ds:operational<')
    expect(asked).toMatch(/<nmda:origin-filter xmlns:or="[^"]*ietf-origin">or:learned<.*>or:system</)
  })

  it('leave out what is left out', () => {
    expect(text('get-data', { datastore: 'running', 'with-origin': false })).toMatch(
      /<\/nmda:datastore><\/nmda:get-data>$/,
    )
  })

  it('take a filter as XML, JSON or an XPath, and one in its own element', () => {
    const subtree = /<nmda:subtree-filter><system xmlns="urn:x"\/><\/nmda:subtree-filter>/
    const asked = (filter: unknown): string => text('get-data', { datastore: 'running', filter })
    expect(asked('<system xmlns="urn:x"/>')).toMatch(subtree)
    expect(asked({ subtree: { system: { '@xmlns': 'urn:x' } } })).toMatch(subtree)
    expect(asked('<filter type="subtree"><system xmlns="urn:x"/></filter>')).toMatch(subtree)
    expect(asked({ xpath: '/x:system', namespaces: { x: 'urn:x' } })).toContain(
      '<nmda:xpath-filter xmlns:x="urn:x">/x:system<',
    )
  })

  it('keep NETCONF as the default namespace around what was written elsewhere', () => {
    const held = { '#written': new HeldPayload({ text: '<box xmlns="urn:x"/><plain/>' }) }
    expect(text('edit-data', { datastore: 'candidate', config: held })).toContain(
      '<nmda:config><box xmlns="urn:x"/><plain/></nmda:config>',
    )
    const filter = { subtree: held }
    expect(text('compare', { source: 'running', target: 'intended', filter })).toContain(
      '<cmp:subtree-filter><box xmlns="urn:x"/><plain/></cmp:subtree-filter>',
    )
  })

  it('take no two contradicting parameters', () => {
    const both = { datastore: 'operational', 'origin-filter': ['system'], 'negated-origin-filter': ['learned'] }
    expect(() => text('get-data', both)).toThrow(InvalidField)
    expect(() => text('edit-data', { datastore: 'candidate' })).toThrow(InvalidField)
    expect(() => text('edit-data', { datastore: 'candidate', config: '<a/>', url: 'file:///x' })).toThrow(InvalidField)
    const held = { '#written': new HeldPayload({ text: '<config/>', only: { namespace: NETCONF, name: 'config' } }) }
    expect(() => text('edit-data', { datastore: 'candidate', config: held })).toThrow(InvalidField)
  })
})

const NETCONF = 'urn:ietf:params:xml:ns:netconf:base:1.0'

describe('cancel-commit', () => {
  it('runs by itself with a persist-id, and without it only on the session of the commit', () => {
    const policyOf = (parameters: object) => sessionPolicyOf(operationNamed('cancel-commit').build(parameters)).on
    expect(policyOf({ 'persist-id': 'a' })).toBe('own-session')
    expect(policyOf({})).toBe('explicit-session')
  })
})

describe('what a device must announce', () => {
  const ask = (on: TestClient, name: 'get-data' | 'compare' | 'cancel-commit'): Promise<unknown> => {
    const operation = operationNamed(name)
    const written = writeOperation(operation.build(operation.example))
    if (!written.ok) return expect.fail(written.error)
    return on.session.request({
      ...written.value,
      ...(operation.needs === undefined ? {} : { needs: operation.needs }),
    })
  }

  it('is asked of its <hello>: nothing is sent to a device without it', async () => {
    const junos = createNetconfServer({ deviceId: 'r1', dialect: 'junos', bases: ['1.1'] })
    const on = await connectTo(junos)
    await expect(ask(on, 'get-data')).rejects.toMatchObject({
      code: 'not-offered',
      message: expect.stringContaining('the module ietf-netconf-nmda') as string,
    })
    await expect(ask(on, 'compare')).rejects.toMatchObject({ code: 'not-offered' })
    // The session goes on.
    expect((await on.ask('<get/>')).errors).toEqual([])
    on.drop()
    junos.stop()
  })

  it('may be ietf-yang-library 1.1 alone, for modules in YANG 1.1 are not in a <hello>', () => {
    const announced = ['urn:ietf:params:netconf:capability:yang-library:1.1?revision=2019-01-04&content-id=7']
    const meets = (name: 'get-data' | 'compare' | 'cancel-commit'): boolean =>
      meetsNeed(announced, operationNamed(name).needs ?? expect.fail('nothing is needed'))
    expect([meets('get-data'), meets('compare'), meets('cancel-commit')]).toEqual([true, true, false])
  })

  it('is sent where it is there', async () => {
    await expect(ask(client, 'get-data')).resolves.toMatchObject({ bytes: expect.anything() as unknown })
    await expect(ask(client, 'cancel-commit')).resolves.toMatchObject({ bytes: expect.anything() as unknown })
  })
})
