import { describe, expect, it } from 'vitest'
import { configOf, printed, problemsOf } from './parse-text.js'
import { growthOf, IN_PROPORTION } from '../support/growth.js'

describe('YAML that is not valid', () => {
  it.each([
    ['a tab', 'log:\n\tlevel: info\n', '2:1: a tab in the indentation'],
    ['two documents', 'log: {}\n---\nlink: {}\n', '2:1: a second document starts here'],
    ['an open brace', 'log: { level: info\n', '2:1: wrong indentation, or a { or [ that is not closed'],
    ['an open quote', 'data-dir: "x\n', '2:1: something is missing here: a `:` after a key, a closing quote, } or ]'],
    ['a colon in a value', 'data-dir: a: b\n', '1:11: a mapping where a single value was expected'],
    ['a reserved character', 'data-dir: @home\n', '1:11: a value cannot start with this character'],
    ['an unknown escape', 'data-dir: "\\q"\n', '1:12: an unknown escape in a "…" value'],
    [
      'a key without a colon',
      'log: {}\nlevel\n',
      '2:1: something is missing here: a `:` after a key, a closing quote, } or ]',
    ],
    ['text after a value', 'data-dir: "x" y\n', '1:15: not valid YAML here'],
    ['an unknown alias', 'data-dir: *home\n', '1:1: data-dir: an alias of an anchor that is not set above it'],
    ['a tag', 'data-dir: !env HOME\n', '1:1: data-dir: a YAML tag'],
    ['a list as key', 'log:\n  ? [a]\n  : b\n', '2:5: log: a key that is not a plain word'],
    ['a variable as key', 'log:\n  ${KEY}: b\n', '2:3: log: `${…}` in a key'],
  ])('%s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })

  it('tells where a key occurs a second time, and goes on', () => {
    expect(problemsOf('log:\n  level: info\n  level: debug\nlog: {}\nport: 1\n')).toEqual([
      '3:3: log.level: the key `level` is here a second time, it is already on line 2',
      '4:1: log: the key `log` is here a second time, it is already on line 1',
      '5:1: port: unknown key `port`',
    ])
  })

  it('reports the first problem of every broken line', () => {
    expect(problemsOf('data-dir: "\\q"\nlog: { level: @x }\n')).toHaveLength(2)
  })
})

describe('anchors', () => {
  const text = `
credentials:
  default: &account { username: netconf, password: x }
  lab: { <<: *account, password: y }
  all: { <<: [{ username: first }, *account] }
devices:
  - &router { id: router1, secret: s, labels: { site: tokyo } }
  - { <<: *router, id: router2 }
`
  it('and merges work', () => {
    const config = configOf(text)
    expect(config.credentials.get('lab')).toMatchObject({ username: 'netconf', password: 'y' })
    expect(config.credentials.get('all')).toMatchObject({ username: 'first', password: 'x' })
    expect(config.devices.map(({ id, labels }) => [id, labels])).toEqual([
      ['router1', { site: 'tokyo' }],
      ['router2', { site: 'tokyo' }],
    ])
  })

  it('tell the place where the text stands, once', () => {
    const config = 'roles:\n  a: &role { devices: ["*"], operations: [<get/>] }\n  b: *role\n'
    expect(problemsOf(config)).toEqual([
      '2:43: roles.a.operations[0]: the name of the operation is missing or is no XML name',
    ])
  })

  it('that contain themselves are refused', () => {
    expect(problemsOf('roles: &a\n  x: *a\n')[0]).toBe('2:3: roles.x: an anchor that contains itself')
    expect(problemsOf('roles: &a\n  <<: *a\n')).toEqual(['2:3: roles: an anchor that contains itself'])
    expect(problemsOf('roles:\n  <<: 5\n')).toEqual(['2:3: roles: `<<` merges mappings only'])
  })

  // Nobody would see the end of what they amount to: ten times ten, twelve times over.
  it('that multiply without end are refused', () => {
    const levels = Array.from({ length: 12 }, (_, n) => `  l${n + 1}: &l${n + 1} [${`*l${n}, `.repeat(10)}]`)
    const bomb = `roles:\n  l0: &l0 [x]\n${levels.join('\n')}\n`
    expect(printed(bomb)).toContain('the aliases of this file multiply it beyond reason')
  })
})

describe('a fleet', () => {
  it('of thousands of devices that share anchors is read in a time that grows as it does', () => {
    const fleetOf = (size: number): string => {
      const devices = Array.from({ length: size }, (_, n) => `  - { id: r${n}, secret: s${n}, labels: *labels }\n`)
      return `credentials: { default: { username: a, password: b } }
roles: { a: { devices: &all ["*"], operations: *all } }
devices:
  - { id: first, secret: s, labels: &labels { site: tokyo } }
${devices.join('')}`
    }
    const growth = growthOf(1_000, (size) => {
      const fleet = fleetOf(size)
      return () => expect(configOf(fleet).devices).toHaveLength(size + 1)
    })
    expect(growth).toBeLessThan(IN_PROPORTION)
  })
})

describe('line ends and marks', () => {
  it('of Windows do not move a problem', () => {
    expect(problemsOf('log: {}\r\nlink:\r\n  x: 1\r\n')).toEqual(['3:3: link.x: unknown key `x`'])
  })
})

describe('anchors of one name', () => {
  it('hold until the next', () => {
    const config = configOf(
      'link: { max-sessions: &n 3 }\nendpoint: { ssh: { max-connections: *n, port: &n 5 } }\ncall-home: { max-handshakes: *n }',
    )
    expect([config.endpoint.ssh.maxConnections, config.callHome.maxHandshakes]).toEqual([3, 5])
  })
})
