import { describe, expect, it } from 'vitest'
import type { ChannelRequest } from '../../../src/fleet/link.js'
import { netconfRequest } from '../../../src/northbound/ssh/channel-request.js'

const subsystem = (name: string): ChannelRequest => ({ kind: 'subsystem', name })
const exec = (command: string): ChannelRequest => ({ kind: 'exec', command })

describe('a request for a session', () => {
  it.each([
    subsystem('netconf'),
    exec('netconf'),
    exec(' netconf\n'),
    exec('xml-mode netconf need-trailer'),
    exec('  xml-mode   netconf\tneed-trailer '),
  ])('is for NETCONF and goes to the device as it is: %j', (asked) => {
    expect(netconfRequest(asked)).toBe(asked)
  })

  it.each([
    subsystem('sftp'),
    subsystem('NETCONF'),
    subsystem('netconf '),
    subsystem(''),
    subsystem('xml-mode netconf need-trailer'),
    exec(''),
    exec('netconf; reboot'),
    exec('netconf && sh'),
    exec('netconf\nreboot'),
    exec('xml-mode netconf'),
    exec('junoscript'),
    exec('scp -t /tmp'),
  ])('is not for NETCONF: %j', (asked) => {
    expect(netconfRequest(asked)).toBeUndefined()
  })
})
