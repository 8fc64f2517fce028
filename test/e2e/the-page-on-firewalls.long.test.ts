import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { sectionsOf } from '../support/page-blocks.js'
import { dyingWithUs } from './parts/processes.js'
import { makeTempDir } from './parts/temp-dir.js'
import { endAfterEach } from './support/resources.js'

const own = endAfterEach()
const run = promisify(execFile)

/** The ports of the page's table, one out of the range of devices' own, and the machine's own SSH. */
const PORTS = [22, 830, 4334, 8080, 20_017]
const CLIENT = '192.0.2.99'
const ADMINISTRATOR = '192.0.2.20'
const STRANGER = '198.51.100.7'

const INSIDE = ['unshare', '--user', '--map-root-user', '--net']

describe('the example of the page on firewalls', () => {
  let rules = ''
  beforeAll(() => {
    const blocks = sectionsOf('firewall.md').flatMap((section) => section.blocks)
    rules = blocks.find(({ language }) => language === 'nft')?.text ?? ''
    expect(rules).not.toBe('')
  })

  async function rulesFile(): Promise<string> {
    const room = await makeTempDir('firewall')
    own({ stop: room.remove })
    const file = join(room.path, 'homeport-firewall.nft')
    await writeFile(file, `${rules}\n`)
    return file
  }

  it('is taken by nft', async () => {
    const [program, words] = dyingWithUs([...INSIDE, 'nft', '-c', '-f', await rulesFile()])
    expect(await run(program, words)).toEqual({ stdout: '', stderr: '' })
  })

  it('lets through what the page says, and from where it says', async () => {
    const [program, words] = dyingWithUs([...INSIDE, 'python3', join(import.meta.dirname, 'parts/firewall.py')])
    const asking = run(program, words)
    asking.child.stdin?.end(
      JSON.stringify({ rules: await rulesFile(), from: [CLIENT, ADMINISTRATOR, STRANGER], ports: PORTS }),
    )
    expect(JSON.parse((await asking).stdout)).toEqual({
      [CLIENT]: [830, 4334, 20_017],
      [ADMINISTRATOR]: [22, 830, 4334, 20_017],
      [STRANGER]: [4334],
    })
  })
})
