import { shellWord } from '../lib/shell-word.js'
import { type Account, accountOf, MAY, obstacleFor } from './account.js'
import type { Problem } from './problem.js'

/** What somebody does who may not read a file of the configuration. */
export function hintWhenDenied(): string {
  return process.geteuid?.() === 0
    ? 'not even root may: look at its file system, and at AppArmor or SELinux'
    : 'run this with sudo, or as a user who may read it'
}

/** What keeps an account from a file, and the commands that let it in. */
export interface Denial {
  readonly file: string
  readonly message: string
  readonly hint: string
}

/**
 * Why the account of the bridge may not read a file; undefined where it may. What this process itself may not look at,
 * or is not there, throws with a code.
 *
 * @param file absolute
 */
export async function denialOf(account: Account, file: string): Promise<Denial | undefined> {
  const obstacle = await obstacleFor(account, file, MAY.read)
  if (obstacle === undefined) return undefined
  const group = `sudo chgrp ${shellWord(account.group)} ${shellWord(obstacle)}`
  const mode = `sudo chmod g+${obstacle === file ? 'r' : 'x'} ${shellWord(obstacle)}`
  const where = obstacle === file ? '' : `, because of ${obstacle}`
  const message = `${account.name}, as whom the bridge runs, may not read it${where}`
  return { file, message, hint: `${group} && ${mode}` }
}

/** Those of the files that an account may not read, as far as this process may tell. */
export async function denialsOf(account: Account, files: readonly string[]): Promise<readonly Denial[]> {
  const denials = await Promise.all(files.map((file) => denialOf(account, file).catch(() => undefined)))
  return denials.filter((denial) => denial !== undefined)
}

/** Problems as a bridge tells them: where it may not read a file, it is not `sudo` that helps. */
export async function toldByBridge(problems: readonly Problem[]): Promise<readonly Problem[]> {
  const uid = process.geteuid?.()
  if (uid === undefined) return problems
  const account = accountOf(uid)
  return Promise.all(
    problems.map(async ({ denied, ...problem }) => {
      const denial = denied === undefined ? undefined : (await denialsOf(account, [denied]))[0]
      return denial === undefined ? problem : { ...problem, hint: denial.hint }
    }),
  )
}
