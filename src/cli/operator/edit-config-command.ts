import type { Command } from 'commander'
import type { CommandOption } from '../../operations/command.js'
import { CONFIRMED_COMMIT_OPTIONS } from '../../operations/commit.js'
import { editConfig } from '../../operations/edit-config.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { describedCommand, readWords, send } from './operation-command.js'
import { parametersOf } from './operation-values.js'

/** Of edit-config, where a transaction may find the target by itself, and of the commit behind it. */
const OPTIONS: readonly CommandOption[] = [
  ...(editConfig.command?.options ?? []).map((option) => ({ ...option, required: false })),
  ...CONFIRMED_COMMIT_OPTIONS,
]

const EDIT = { ...editConfig, command: { description: '', ...editConfig.command, options: OPTIONS } }

/** `homeport edit-config`, which with `--commit` sends a transaction in place of the operation. */
export function editConfigCommand(io: CommandIo): Command {
  return describedCommand(EDIT)
    .option('--commit', 'all in one: lock, edit, validate, commit, unlock; undone when a step fails')
    .action(async (...words: readonly unknown[]) => {
      const { id, options, given } = readWords(EDIT, words)
      if (options['target'] === undefined && options['commit'] !== true)
        return exitWithFailure(
          {
            message: 'no target is given',
            hint: 'write --target candidate or --target running, or --commit',
            status: 2,
          },
          io,
        )
      const ofCommit = given.filter(({ value }) => CONFIRMED_COMMIT_OPTIONS.some((option) => option === value))
      const edit = await parametersOf(
        io,
        given.filter((one) => !ofCommit.includes(one)),
      )
      const commit = await parametersOf(io, ofCommit)
      if (edit === undefined || commit === undefined) return undefined
      return options['commit'] === true
        ? send(io, { ...options, json: true }, { id, name: 'transaction', parameters: transactionOf(edit, commit) })
        : send(io, options, { id, name: 'edit-config', parameters: edit })
    })
}

/** The transaction of one edit. */
function transactionOf({ target, ...edit }: Readonly<Record<string, unknown>>, commit: object): object {
  return {
    ...(target === undefined ? {} : { target }),
    edits: [edit],
    ...(Object.keys(commit).length === 0 ? {} : { commit }),
  }
}
