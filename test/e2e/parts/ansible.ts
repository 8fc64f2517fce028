import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './clients.js'
import { killMarked } from './processes.js'
import { makeTempDir } from './temp-dir.js'

/** A play of a playbook, and the inventory, in the words of their YAML. */
export type AnsiblePlay = Readonly<Record<string, unknown>>
export type AnsibleHosts = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** What one task gave on one host. */
export type AnsibleResult = Readonly<Record<string, unknown>> & {
  readonly failed?: boolean
  readonly unreachable?: boolean
}

export type AnsibleRun = {
  readonly status: number | null
  /** By the names of tasks and hosts. */
  readonly results: Readonly<Record<string, Readonly<Record<string, AnsibleResult>>>>
}

/**
 * Debian's ansible-playbook, with everything that it writes in a directory of its own and nothing of it left running.
 */
export function runAnsible(hosts: AnsibleHosts, plays: readonly AnsiblePlay[]): Promise<AnsibleRun> {
  // JSON is YAML.
  return runAnsibleOn({ name: 'inventory.yaml', text: JSON.stringify({ all: { hosts } }) }, plays)
}

/** What Ansible knows its hosts by: a file, and further variables of its environment. */
export type AnsibleInventory = {
  readonly name: string
  readonly text: string
  readonly environment?: Readonly<Record<string, string>>
}

/** The same with an inventory of any kind. */
export async function runAnsibleOn(inventory: AnsibleInventory, plays: readonly AnsiblePlay[]): Promise<AnsibleRun> {
  return inRoom(inventory, async (file, environment) => {
    await writeFile(file('playbook.yaml'), JSON.stringify(plays))
    const ansible = run(['ansible-playbook', '-i', file(inventory.name), file('playbook.yaml')], environment)
    ansible.end()
    const { stdout, stderr, status } = await ansible.ended(120_000)
    return { status, results: resultsIn(stdout.toString(), stderr) }
  })
}

/** What ansible-inventory makes of an inventory, as its `--list` prints it. */
export function listInventory(
  inventory: AnsibleInventory,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return inRoom(inventory, async (file, environment) => {
    const ansible = run(['ansible-inventory', '-i', file(inventory.name), '--list'], environment)
    ansible.end()
    const { stdout, stderr } = await ansible.ended(120_000)
    return { stdout: stdout.toString(), stderr }
  })
}

/** Runs something of Ansible's in a directory of its own, of which nothing is left. */
async function inRoom<T>(
  { name, text, environment = {} }: AnsibleInventory,
  work: (file: (name: string) => string, environment: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const dir = await makeTempDir('ansible')
  const mark = { name: 'HOMEPORT_TEST_ANSIBLE', value: randomUUID() }
  const file = (name: string): string => join(dir.path, name)
  try {
    await mkdir(file('home'))
    await writeFile(file(name), text, { mode: 0o700 })
    return await work(file, {
      HOME: file('home'),
      ANSIBLE_HOME: file('home'),
      ANSIBLE_LOCAL_TEMP: file('local'),
      ANSIBLE_PERSISTENT_CONTROL_PATH_DIR: file('pc'),
      ANSIBLE_SSH_CONTROL_PATH_DIR: file('cp'),
      ANSIBLE_HOST_KEY_CHECKING: 'False',
      ANSIBLE_STDOUT_CALLBACK: 'json',
      ANSIBLE_DEPRECATION_WARNINGS: 'False',
      ANSIBLE_FORKS: '10',
      ...environment,
      [mark.name]: mark.value,
    })
  } finally {
    // Ansible leaves connections open for the next run.
    await killMarked(`${mark.name}=${mark.value}`)
    await dir.remove()
  }
}

type Report = {
  readonly plays: readonly {
    readonly tasks: readonly {
      readonly task: { readonly name: string }
      readonly hosts: Readonly<Record<string, AnsibleResult>>
    }[]
  }[]
}

function resultsIn(stdout: string, stderr: string): AnsibleRun['results'] {
  const start = stdout.indexOf('{')
  if (start === -1) throw new Error(`ansible-playbook reported nothing: ${stdout}${stderr}`)
  const { plays } = JSON.parse(stdout.slice(start)) as Report
  const tasks = plays.flatMap((play) => play.tasks.map(({ task, hosts }) => [task.name, hosts] as const))
  return Object.fromEntries(tasks)
}
