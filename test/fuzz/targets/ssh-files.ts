import { parseAuthorizedKeyLine, fromAllows } from '../../../src/ssh/authorized-keys.js'
import { certificateLine, parseCertificate, parseCertificateLine } from '../../../src/ssh/certificate.js'
import { judgeCertificate } from '../../../src/ssh/judge-certificate.js'
import { entriesFor, parseKnownHosts } from '../../../src/ssh/known-hosts.js'
import { parseRevocations } from '../../../src/ssh/revocation-file.js'
import { revokedPart } from '../../../src/ssh/revocation.js'
import { judgeUserCertificate } from '../../../src/ssh/user-certificate.js'
import { holds, same, type Target } from '../target.js'

const KEY_TYPES = [
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'sk-ssh-ed25519@openssh.com',
  'ssh-ed25519-cert-v01@openssh.com',
  'ssh-rsa-cert-v01@openssh.com',
  'ecdsa-sha2-nistp384-cert-v01@openssh.com',
]

const now = new Date('2030-01-01T00:00:00Z')

/** What a host or a user presents, and nobody has believed yet. */
export const certificates: Target = {
  name: 'certificates',
  about: 'OpenSSH certificates of hosts and users',
  words: [
    ...KEY_TYPES,
    'force-command',
    'source-address',
    'permit-pty',
    '\0\0\0\x00',
    '\0\0\0\x04',
    '\xff\xff\xff\xff',
  ],
  start: () => ({
    take: (input) => {
      const parsed = parseCertificate(input)
      const line = parseCertificateLine(input.toString('latin1'))
      for (const one of [parsed, line]) {
        if (!one.ok) {
          holds(one.failure.message !== '' && one.failure.hint !== '', 'a problem without words')
          continue
        }
        const { certificate } = one
        same(parseCertificateLine(certificateLine(certificate)), one, 'written and read again it is another one')
        const policy = { trustedCas: [certificate.ca.blob], now, acceptsPrincipals: () => true }
        judgeCertificate(certificate, { ...policy, role: 'host' })
        judgeCertificate(certificate, { ...policy, role: 'user' })
        judgeUserCertificate(certificate, {
          now,
          trustedCas: policy.trustedCas,
          principals: certificate.principals,
          remoteAddress: '192.0.2.1',
        })
      }
    },
  }),
}

/** Lists of what must not be accepted: an operator's own files, and yet a broken one must never mean "nothing". */
export const revocations: Target = {
  name: 'krl',
  about: 'key revocation lists, and the text form',
  words: [
    'SSHKRL\n\0',
    '\0\0\0\x01',
    '\0\0\0\0\0\0\0\x01',
    '\x01',
    '\x02',
    '\x20',
    '\x21',
    '\x22',
    '\x23',
    'serial: ',
    'id: ',
    'hash: SHA256:',
    'sha256: ',
    ...KEY_TYPES,
  ],
  start: () => ({
    take: (input) => {
      const parsed = parseRevocations(input)
      if (!parsed.ok)
        return holds(parsed.failure.message !== '' && parsed.failure.hint !== '', 'a problem without words')
      revokedPart(parsed.revocations, input)
      revokedPart(parsed.revocations, Buffer.alloc(0))
    },
  }),
}

/** Files in OpenSSH's form that scripts write. */
export const knownHosts: Target = {
  name: 'known-hosts',
  about: 'known_hosts, with patterns, hashes and markers',
  words: [
    '@cert-authority ',
    '@revoked ',
    '|1|',
    '|',
    '[',
    ']:4334',
    '*',
    '?',
    '!',
    ',',
    ' ',
    '\n',
    '#',
    ...KEY_TYPES.map((type) => `${type} `),
  ],
  start: () => ({
    take: (input) => {
      const { entries, problems } = parseKnownHosts(input.toString('utf8'))
      for (const { line, message, hint } of problems)
        holds(line > 0 && message !== '' && hint !== '', 'a problem without words')
      for (const name of ['router1', 'a'.repeat(255), '[router1]:4334', ''])
        for (const port of [22, 4334]) entriesFor(entries, name, port)
    },
  }),
}

/** Keys of users, with options. */
export const authorizedKeys: Target = {
  name: 'authorized-keys',
  about: 'authorized_keys lines, options included',
  words: [
    'from="',
    'command="',
    'principals="',
    'expiry-time="',
    'cert-authority',
    'restrict',
    'no-pty',
    'pty',
    ',',
    '"',
    '\\"',
    '!',
    '*',
    '10.0.0.0/8',
    '2001:db8::/32',
    ...KEY_TYPES.map((type) => ` ${type} `),
  ],
  start: () => ({
    take: (input) => {
      for (const line of input.toString('utf8').split('\n').slice(0, 50)) {
        const parsed = parseAuthorizedKeyLine(line)
        if (!parsed.ok) holds(parsed.failure.message !== '' && parsed.failure.hint !== '', 'a problem without words')
        else if (parsed.authorized.options.from !== undefined)
          for (const address of ['192.0.2.1', '2001:db8::1', 'not an address'])
            fromAllows(parsed.authorized.options.from, address, 'host.example.net')
      }
      fromAllows(input.toString('utf8').split(','), '192.0.2.1', 'a'.repeat(255))
    },
  }),
}
