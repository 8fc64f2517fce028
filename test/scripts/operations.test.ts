import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandsOf, tableOf, withParts } from '../../scripts/operations.js'
import { OPERATIONS } from '../../src/operations/register.js'

const page = readFileSync(join(import.meta.dirname, '../../docs/http.md'), 'utf8')

describe('what docs/http.md says of operations', () => {
  it('is what the register says: npm run operations', () => {
    expect(page).toBe(withParts(page, OPERATIONS))
  })

  it('has a row for each, with what is required, what is the default, and what the device must have', () => {
    const rows = tableOf(OPERATIONS).split('\n')
    expect(rows).toHaveLength(OPERATIONS.length + 2)
    expect(rows.find((row) => row.startsWith('| `get-config` '))).toContain('`source` (default `running`), `filter`')
    expect(rows.find((row) => row.startsWith('| `delete-config` '))).toContain('`target` (required)')
    expect(rows.find((row) => row.startsWith('| `compare` '))).toContain('the module ietf-nmda-compare')
  })

  it('names the commands, and no command where there is none', () => {
    expect(commandsOf(OPERATIONS)).toContain('`get-data`')
    expect(commandsOf(OPERATIONS)).not.toContain('`lock`')
  })

  it('fails where the page has lost the places', () => {
    expect(() => withParts('# RPCs over HTTP', OPERATIONS)).toThrow('has lost')
  })
})
