import { afterEach, describe, expect, it } from 'vitest'
import { converse } from './support/raw-conversation.js'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** What a simulated Junos answers to these operations, one after the other. */
async function answers(...operations: readonly string[]): Promise<readonly string[]> {
  const talk = converse({ dialect: 'junos' })
  cleanups.push(() => talk.near.destroy())
  await talk.hello()
  const replies: string[] = []
  for (const operation of operations) {
    talk.say(`<rpc>${operation}</rpc>`)
    replies.push(await talk.next())
  }
  return replies
}

describe('facts of a simulated Junos', () => {
  it('follow the running configuration', async () => {
    const replies = await answers(
      '<edit-config><target><running/></target><config><system><hostname>edge7</hostname></system>' +
        '<interfaces><interface><name>ge-0/0/9</name><enabled>false</enabled></interface></interfaces></config></edit-config>',
      '<get-software-information/>',
      '<get-interface-information><detail/></get-interface-information>',
    )
    expect(replies[1]).toContain('<host-name>edge7</host-name>')
    expect(replies[2]).toMatch(
      /<physical-interface><name>ge-0\/0\/9<\/name><admin-status>down<\/admin-status><oper-status>down</,
    )
  })

  it('show version is XML unless another format is asked for', async () => {
    const [xml, named, text, other] = await answers(
      '<command>show version</command>',
      '<command format="xml">show version invoke-on all-routing-engines</command>',
      '<command format="text">show version</command>',
      '<command format="text">show versions</command>',
    )
    expect(xml).toContain('<software-information><host-name>r1<')
    expect(named).toContain('<junos-version>')
    expect(text).toContain('<output>Hostname: r1\n')
    expect(other).toContain('<output>simulated: show versions\n')
  })

  it('the files that PyEZ reads are there, and no other', async () => {
    const [hosts, none, inherited] = await answers(
      '<file-show><filename>/etc/hosts.junos</filename></file-show>',
      '<file-show><filename>/etc/passwd</filename></file-show>',
      '<file-show><filename>constructor</filename></file-show>',
    )
    expect(hosts).toMatch(/<file-content>\S+ re0 master\n/)
    expect(none).toContain('could not resolve file: /etc/passwd')
    expect(inherited).toContain('could not resolve file: constructor')
  })
})

describe('the configuration of a simulated Junos', () => {
  const edit =
    '<edit-config><target><candidate/></target><config>' +
    '<system><location>rack "12"; \\ west</location></system></config></edit-config>'

  it('is shown in curly braces and as set statements, which quote what is no plain word', async () => {
    const [, text, set] = await answers(edit, '<get-configuration format="text"/>', '<get-configuration format="set"/>')
    expect(text).toContain('system {\n    hostname r1;\n    location "rack \\"12\\"; \\\\ west";\n}\n')
    expect(text).toContain('    interface ge-0/0/1 {\n        enabled false;\n    }\n')
    expect(set).toContain('set system location "rack \\"12\\"; \\\\ west"\n')
    expect(set).toContain('set interfaces interface ge-0/0/0 mtu 1500\n')
  })

  it('is the candidate, unless the committed one is asked for', async () => {
    const [, candidate, committed] = await answers(
      edit,
      '<get-configuration/>',
      '<get-configuration database="committed"/>',
    )
    expect(candidate).toContain('rack "12"')
    expect(committed).toContain('<location>in simulation</location>')
  })
})
