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
export async function runAnsible(hosts: AnsibleHosts, plays: readonly AnsiblePlay[]): Promise<AnsibleRun> {
  const dir = await makeTempDir('ansible')
  const mark = { name: 'HOMEPORT_TEST_ANSIBLE', value: randomUUID() }
  const file = (name: string): string => join(dir.path, name)
  try {
    await mkdir(file('home'))
    // JSON is YAML.
    await writeFile(file('inventory.yaml'), JSON.stringify({ all: { hosts } }))
    await writeFile(file('playbook.yaml'), JSON.stringify(plays))
    const ansible = run(['ansible-playbook', '-i', file('inventory.yaml'), file('playbook.yaml')], {
      HOME: file('home'),
      ANSIBLE_HOME: file('home'),
      ANSIBLE_LOCAL_TEMP: file('local'),
      ANSIBLE_PERSISTENT_CONTROL_PATH_DIR: file('pc'),
      ANSIBLE_SSH_CONTROL_PATH_DIR: file('cp'),
      ANSIBLE_HOST_KEY_CHECKING: 'False',
      ANSIBLE_STDOUT_CALLBACK: 'json',
      ANSIBLE_DEPRECATION_WARNINGS: 'False',
      ANSIBLE_FORKS: String(Object.keys(hosts).length),
      [mark.name]: mark.value,
    })
    ansible.end()
    const { stdout, stderr, status } = await ansible.ended(120_000)
    return { status, results: resultsIn(stdout.toString(), stderr) }
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
