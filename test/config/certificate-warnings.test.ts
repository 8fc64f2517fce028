import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificateWarnings, secondsUntilExpiry, standingOf } from '../../src/config/certificate-warnings.js'
import { certificatesNamedIn, type FoundCertificates } from '../../src/config/certificates.js'
import { loadConfig } from '../../src/config/load.js'
import { formatProblem } from '../../src/config/problem.js'

const run = promisify(execFile)
const DAY = 86_400_000
let directory = ''

/** Makes `NAME`, `NAME.pub` and `NAME-cert.pub`, valid as ssh-keygen's -V has it. */
async function certified(name: string, validity: string, ...more: string[]): Promise<void> {
  const file = join(directory, name)
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  const signing = ['-s', join(directory, 'ca'), '-I', `bridge ${name}`, '-n', 'netconf', '-z', '7', '-V', validity]
  await run('ssh-keygen', ['-q', ...signing, ...more, `${file}.pub`])
}

/** Makes a certificate of X.509 that is valid for so many days from now on. */
async function x509(name: string, days: number): Promise<string> {
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    join(directory, `${name}.key`),
  ]
  const file = join(directory, `${name}.crt`)
  await run('openssl', ['req', '-x509', ...key, '-subj', `/CN=${name}`, '-days', String(days), '-out', file])
  return readFile(file, 'utf8')
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-certificates-'))
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'ca')])
  await Promise.all([
    certified('good', '-1h:+15d'),
    certified('soon', '-1h:+13d'),
    certified('expired', '-2d:-1d'),
    certified('early', '+2d:+90d'),
    certified('always', 'always:forever'),
    certified('of-a-host', '-1h:+90d', '-h'),
  ])
  const [leaf, old, next] = await Promise.all([x509('leaf', 5), x509('old', 1), x509('next', 3650)])
  await writeFile(join(directory, 'chain.pem'), `${leaf}${next}`)
  await writeFile(join(directory, 'cas.pem'), `words before\n${old}${next}`)
})

afterAll(() => rm(directory, { recursive: true, force: true }))

const login = (name: string, file = `${name}-cert.pub`): string =>
  `  ${name}: { username: netconf, private-key: ${name}, certificate: ${file} }\n`

/** What `check-config` says of certificates in a file of these lines. */
async function warned(text: string): Promise<readonly string[]> {
  const file = join(directory, 'homeport.yaml')
  await writeFile(file, text)
  const loaded = loadConfig({ path: file, cwd: directory, env: {} })
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return loaded.warnings.filter(({ key }) => key !== '').map(formatProblem)
}

async function found(text: string): Promise<FoundCertificates> {
  const file = join(directory, 'found.yaml')
  await writeFile(file, text)
  const loaded = loadConfig({ path: file, cwd: directory, env: {} })
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return certificatesNamedIn(loaded.config)
}

describe('a certificate that the configuration names', () => {
  it('is warned of where it has expired, will within fourteen days, or is not valid yet', async () => {
    const warnings = await warned(
      `credentials:\n${['good', 'soon', 'expired', 'early', 'always'].map((name) => login(name)).join('')}`,
    )
    expect(warnings).toHaveLength(3)
    const [soon, expired, early] = warnings
    expect(soon).toMatch(
      /:3:\d+: credentials\.soon\.certificate: the certificate "bridge soon" \(serial 7\) expires in 12 days, at 20/,
    )
    expect(soon).toContain('homeport ca sign-user')
    expect(expired).toMatch(/credentials\.expired\.certificate: .* has expired: it was valid until 20.*, 24 hours ago/)
    expect(early).toMatch(/credentials\.early\.certificate: .* is not valid yet: it is from 20.* on, in 4\d hours/)
    expect(early).toContain('clocks')
  })

  it('is warned of where it is none, or of the other role', async () => {
    const warnings = await warned(`credentials:\n${login('good', 'good.pub')}${login('of-a-host')}`)
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toContain('credentials.good.certificate: ')
    expect(warnings[0]).toContain('is not a supported type of certificate')
    expect(warnings[1]).toContain('credentials.of-a-host.certificate: it is a host certificate')
  })

  it('may be one of the bridge as a host, of HTTP with its chain, or of a CA', async () => {
    const warnings = await warned(
      [
        'endpoint:',
        '  ssh: { host-keys: [of-a-host], host-certificates: [soon-cert.pub] }',
        '  http: { certificate: chain.pem, key: leaf.key, client-ca: cas.pem }',
        'authentication-hook: { url: "https://aaa.example.net/", ca-file: old.crt }\n',
      ].join('\n'),
    )
    const keys = warnings.map((line) => /:\d+:\d+: (\S+): /.exec(line)?.[1])
    expect(keys).toEqual([
      'endpoint.ssh.host-certificates[0]',
      'endpoint.http.certificate',
      'endpoint.http.client-ca',
      'authentication-hook.ca-file',
    ])
    expect(warnings[0]).toContain('it is a user certificate')
    expect(warnings[1]).toContain('"CN=leaf" expires in 4 days')
    expect(warnings[2]).toContain('"CN=old" expires in')
  })

  it('that has expired beside another CA in its file is in nobody’s way', async () => {
    const { certificates } = await found(
      'endpoint: { http: { certificate: chain.pem, key: leaf.key, client-ca: cas.pem } }',
    )
    const inTwoDays = new Date(Date.now() + 2 * DAY)
    const cas = certificates.filter(({ use }) => use === 'client-ca')
    expect(cas.map((one) => standingOf(one, inTwoDays))).toEqual(['expired', 'valid'])
    expect(certificateWarnings({ certificates: cas, useless: [] }, inTwoDays)).toEqual([])
    expect(secondsUntilExpiry({ certificates: cas }, inTwoDays)['client-ca']).toBeGreaterThan(3000 * 86_400)
    const alone = cas.slice(0, 1)
    expect(certificateWarnings({ certificates: alone, useless: [] }, inTwoDays)[0]?.message).toContain('has expired')
  })

  it('has the seconds that are left of the first of its use, negative once it has expired', async () => {
    const { certificates } = await found(`credentials:\n${login('good')}${login('expired')}${login('always')}`)
    const now = new Date()
    expect(secondsUntilExpiry({ certificates }, now)['login']).toBeCloseTo(-86_400, -3)
    const withoutEnd = certificates.filter(({ name }) => name.includes('always'))
    expect(secondsUntilExpiry({ certificates: withoutEnd }, now)).toEqual({})
  })

  it('stands by the millisecond', () => {
    const validUntil = new Date('2030-01-15T00:00:00Z')
    const validFrom = new Date('2029-01-01T00:00:00Z')
    const at = (moment: string) => standingOf({ validFrom, validUntil }, new Date(moment))
    expect(at('2028-12-31T23:59:59.999Z')).toBe('not-yet-valid')
    expect(at('2029-12-31T23:59:59.999Z')).toBe('valid')
    expect(at('2030-01-01T00:00:00Z')).toBe('expires-soon')
    expect(at('2030-01-15T00:00:00Z')).toBe('expired')
  })
})
