import { describe, expect, it } from 'vitest'
import type { ChannelPurpose } from '../../src/ssh/session-channel.js'
import { describeRequest } from '../../src/fleet/describe-request.js'

describe('a request in a log or an answer', () => {
  it.each<[ChannelPurpose, string]>([
    [{ kind: 'subsystem', name: 'netconf' }, 'netconf'],
    [{ kind: 'shell' }, 'shell'],
    [{ kind: 'exec', command: 'netconf' }, 'netconf'],
    [{ kind: 'exec', command: ' xml-mode netconf need-trailer' }, 'xml-mode'],
    [{ kind: 'exec', command: '/usr/bin/curl -u admin:secret https://x' }, '/usr/bin/curl'],
    [{ kind: 'exec', command: 'PASSWORD=secret login' }, 'command'],
    [{ kind: 'exec', command: "'secret' | sh" }, 'command'],
    [{ kind: 'exec', command: '' }, 'command'],
  ])('has no more of a command than its first word: %j', (request, shown) => {
    expect(describeRequest(request)).toBe(shown)
  })
})
