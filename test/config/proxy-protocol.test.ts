import { describe, expect, it } from 'vitest'
import { keysThatWait } from '../../src/config/restart-keys.js'
import { configOf, parseText, problemsOf } from './parse-text.js'

const LISTENERS = [
  ['call-home.ssh', (section: string) => `call-home: { ssh: { ${section} } }`],
  ['endpoint.ssh', (section: string) => `endpoint: { ssh: { ${section} } }`],
  ['endpoint.http', (section: string) => `endpoint: { http: { ${section} } }`],
] as const

/** What is warned of, but for what holds for an empty file. */
function warningsOf(text: string): readonly string[] {
  const parsed = parseText(text)
  return parsed.ok
    ? parsed.warnings.filter(({ key }) => /prox/.test(key ?? '')).map(({ key, message }) => `${key}: ${message}`)
    : ['not valid']
}

describe.each(LISTENERS)('%s.proxy-protocol', (listener, file) => {
  const list = (from: string) => file(`proxy-protocol: { from: ${from} }`)

  it('takes addresses and networks without a word', () => {
    expect(warningsOf(list('[10.0.0.5, 192.0.2.0/24, 10.1.0.0/16, "2001:db8::5", "fc00::/7", "fe80::/10"]'))).toEqual(
      [],
    )
    expect(warningsOf(list('[10.0.0.0/8, "::ffff:192.0.2.5"]'))).toEqual([])
  })

  it.each(['10.0.0.0/33', 'balancer', '[10.0.0.5, ""]', '"10.0.0.5:4334"'])('does not take %s', (written) => {
    const list = written.startsWith('[') ? written : `[${written}]`
    expect(problemsOf(file(`proxy-protocol: { from: ${list} }`))).toEqual([
      expect.stringContaining(`${listener}.proxy-protocol.from`),
    ])
  })

  it.each(['timeout: 10ms', 'timeout: 2m', 'max-waiting: 0', 'required: true'])('does not take %s', (written) => {
    expect(problemsOf(file(`proxy-protocol: { ${written} }`))).toHaveLength(1)
  })

  it.each(['"::/0"', '0.0.0.0/0', '0.0.0.0/1', '"::ffff:0:0/96"', '"2000::/3"'])('warns of %s', (written) => {
    expect(warningsOf(list(`[10.0.0.5, ${written}]`))).toContainEqual(
      expect.stringMatching(new RegExp(`^${listener}\\.proxy-protocol\\.from\\[1\\]: so many addresses may say`)),
    )
  })

  it('warns of an address that another one of the list covers', () => {
    const within = (at: number, other: string) =>
      `${listener}.proxy-protocol.from[${at}]: lies within \`${other}\` of this list`
    expect(warningsOf(list('[10.0.0.5, 10.0.0.0/24]'))).toEqual([within(0, '10.0.0.0/24')])
    expect(warningsOf(list('["::ffff:10.0.0.5", 10.0.0.5]'))).toEqual([within(1, '::ffff:10.0.0.5')])
    expect(warningsOf(list('["2001:db8::5", "2001:db8::/32"]'))).toEqual([within(0, '2001:db8::/32')])
    expect(warningsOf(list('[10.0.0.5, 10.0.0.5]'))).toEqual([within(1, '10.0.0.5')])
  })

  it('changes with a reload', () => {
    expect(keysThatWait(configOf(''), configOf(list('[10.0.0.5]')))).toEqual([])
  })
})

it('an address that tells the source in two ways is warned of', () => {
  const http = (trusted: string) =>
    `endpoint: { http: { proxy-protocol: { from: [10.0.0.0/24] }, trusted-proxies: [${trusted}] } }`
  expect(warningsOf(http('10.0.0.5'))).toEqual([
    expect.stringMatching(/^endpoint\.http\.trusted-proxies\[0\]: lies within `10\.0\.0\.0\/24`/),
  ])
  // Proxies of HTTP that are behind a balancer, and around it.
  expect(warningsOf(http('10.0.0.0/8, 10.0.1.5'))).toEqual([])
})
