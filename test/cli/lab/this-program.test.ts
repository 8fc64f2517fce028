import { describe, expect, it } from 'vitest'
import { commandHere } from '../../../src/cli/lab/this-program.js'

describe('the demo calls this program', () => {
  it.each([
    ['the package', { script: '/usr/lib/homeport/dist/main.js', node: '/usr/lib/homeport/bin/node' }],
    ['npm and the image', { script: '/usr/local/bin/homeport', node: '/usr/bin/node' }],
  ])('homeport where it is installed, by %s', (_how, started) => {
    expect(commandHere(started)).toBeUndefined()
  })

  it('homeport in a clone too, where it says what makes it a command', () => {
    const started = { script: '/home/me/my homeport/dist/main.js', node: '/opt/node 24/bin/node' }
    expect(commandHere(started)).toBe(
      `homeport() { '/opt/node 24/bin/node' '/home/me/my homeport/dist/main.js' "$@"; }`,
    )
  })
})
