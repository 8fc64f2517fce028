import { describe, expect, it } from 'vitest'
import { configOf } from '../config/parse-text.js'
import { sectionsOf } from '../support/page-blocks.js'

const defaults = configOf('')
const sections = sectionsOf('firewall.md')

/** The cells of the rows of a section's table, by the key that they name. */
function rowOf(heading: string, key: string): string {
  const { text } = sections.find((section) => section.heading === heading) ?? { text: '' }
  const row = text.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${key}`))
  if (row === undefined) throw new Error(`docs/firewall.md: ${heading}: no row has ${key}`)
  return row
}

describe('the page on firewalls', () => {
  it('has the ports and addresses that the bridge listens on unless told otherwise', () => {
    const { callHome, endpoint } = defaults
    expect(rowOf('What comes in', 'call-home.ssh.port')).toMatch(new RegExp(`^\\| ${callHome.ssh.port}/tcp .*every`))
    expect(rowOf('What comes in', 'endpoint.ssh.port')).toMatch(new RegExp(`^\\| ${endpoint.ssh.port}/tcp .*every`))
    expect(rowOf('What comes in', 'endpoint.http.port')).toMatch(
      new RegExp(`^\\| ${endpoint.http.port}/tcp .*this machine alone`),
    )
    expect([callHome.ssh.address, endpoint.ssh.address]).toEqual(['::', '::'])
    expect(endpoint.http.address).toBe('127.0.0.1')
    expect([endpoint.ssh.devicePorts, endpoint.ssh.deviceAddresses]).toEqual([undefined, undefined])
    expect(endpoint.ssh.furtherPorts).toEqual([])
  })

  it('has a row for whatever the bridge may ask', () => {
    for (const key of ['webhooks[].url', 'endpoint.http.oidc.issuer', 'authentication-hook.url', 'traces.endpoint'])
      expect(rowOf('What goes out', key)).toMatch(/^\| your /)
  })

  it('has the interval at which devices are asked', () => {
    const { text } = sections.find(({ heading }) => heading === 'NAT and idle connections') ?? { text: '' }
    expect(text).toContain(`\`link.keepalive-interval\` (${defaults.link.keepaliveInterval / 1000} s)`)
  })
})
