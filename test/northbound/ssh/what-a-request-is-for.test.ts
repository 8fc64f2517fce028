import { describe, expect, it } from 'vitest'
import type { SessionPurpose } from '../../../src/ssh/session-channel.js'
import { channelUse } from '../../../src/northbound/ssh/channel-request.js'

const subsystem = (name: string): SessionPurpose => ({ kind: 'subsystem', name })
const exec = (command: string): SessionPurpose => ({ kind: 'exec', command })

describe('a request for a session', () => {
  it.each([
    subsystem('netconf'),
    exec('netconf'),
    exec(' netconf\n'),
    exec('xml-mode netconf need-trailer'),
    exec('  xml-mode   netconf\tneed-trailer '),
  ])('is for NETCONF, and takes a role with `netconf`: %j', (asked) => {
    expect(channelUse(asked)).toEqual({ kind: 'netconf', allowedBy: ['netconf'] })
  })

  it.each([
    exec(''),
    exec('netconf; reboot'),
    exec('netconf && sh'),
    exec('netconf\nreboot'),
    exec('xml-mode netconf'),
    exec('junoscript'),
    exec('show version'),
  ])('is for a command, and takes a role with `exec`: %j', (asked) => {
    expect(channelUse(asked)).toEqual({ kind: 'exec', allowedBy: ['exec'] })
  })

  it('is for a shell, and takes a role with `shell`', () => {
    expect(channelUse({ kind: 'shell' })).toEqual({ kind: 'shell', allowedBy: ['shell'] })
  })

  it('is for SFTP, and takes a role with `sftp`', () => {
    expect(channelUse(subsystem('sftp'))).toEqual({ kind: 'sftp', allowedBy: ['sftp'] })
  })

  it.each(['NETCONF', 'netconf ', '', 'xml-mode netconf need-trailer', 'SFTP', 'junoscript'])(
    'for another subsystem goes to no device: %j',
    (name) => {
      expect(channelUse(subsystem(name))).toBeUndefined()
    },
  )
})

describe('a copy by the old scp', () => {
  it.each([
    'scp -t /var/tmp/',
    'scp -f /var/tmp/a.tgz',
    'scp -v -r -p -d -t ~/images',
    'scp -rpf a b c',
    'scp -t -- -a',
    "scp -t -- '-a b' c",
    "scp -t '/var/tmp/a file; with $signs'",
    "scp -f 'Ångström'",
    'scp -f ~user/file,v:1@x%y+z=w',
  ])('takes a role with `exec` or with `sftp`: %s', (command) => {
    expect(channelUse(exec(command))).toEqual({ kind: 'exec', allowedBy: ['exec', 'sftp'] })
  })

  it.each([
    'scp',
    'scp -t',
    'scp /a',
    'scp -r /a /b',
    'scp -t -f /a',
    'scp -t --',
    'scp -t a -S/bin/sh',
    'scp -tt /a',
    'scp -S/bin/sh -t /a',
    'scp -t -S /bin/sh',
    'scp -o ProxyCommand=x -t /a',
    "scp -t '-oProxyCommand=x'",
    'scp -t /a;reboot',
    'scp -t /a reboot&',
    'scp -t /a\nreboot',
    'scp -t $(reboot)',
    'scp -t `reboot`',
    'scp -t ${IFS}a',
    'scp -t a*',
    'scp -t a?b',
    'scp -t [ab]',
    'scp -t {a,b}',
    'scp -t a>b',
    'scp -t a|b',
    'scp -t "a"',
    'scp -t a\\ b',
    "scp -t 'a'b'",
    "scp -t 'a!b'",
    "scp -t 'a\nb'",
    "scp -t 'a\u2028b'",
    'scp  -t /a',
    ' scp -t /a',
    'scp -t /a ',
    'scp -t Ångström',
    'SCP -t /a',
    '/usr/bin/scp -t /a',
    'scpx -t /a',
  ])('is not what a shell could make something else of: %j', (command) => {
    expect(channelUse(exec(command))).toEqual({ kind: 'exec', allowedBy: ['exec'] })
  })
})
