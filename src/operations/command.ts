/**
 * The command of an operation: `homeport NAME <device id> …`, which sends what its argument and its options say as
 * parameters.
 */
export interface OperationCommand<Parameter extends string = string> {
  /** What it does, for the help: no sentence, no capital letter. */
  readonly description: string
  /** Stands behind the device id. */
  readonly argument?: CommandValue<Parameter>
  readonly options?: readonly CommandOption<Parameter>[]
}

/** One value on the command line, and the parameter that it becomes. */
export interface CommandValue<Parameter extends string = string> {
  /** As commander has it: `--source <datastore>`, `<session-id>`, `[file]`. */
  readonly flags: string
  readonly help?: string
  readonly parameter: Parameter
  readonly as: ValueReading
}

/**
 * How a value is read: `text` as it stands; `flag` is true where it is given; `boolean` is `true` or `false`;
 * `number` is a whole one from 1; `list` may be repeated; `file` is the text of a file, or of standard input for `-`
 * (and, as an argument, where it is left out); `datastore` is a name, or a URL (`://`); `xpath` is a filter by an
 * XPath; `words` is one of `choices`.
 */
export type ValueReading = 'text' | 'flag' | 'boolean' | 'number' | 'list' | 'file' | 'datastore' | 'xpath' | 'words'

/** An option, and how it is to be given. */
export interface CommandOption<Parameter extends string = string> extends CommandValue<Parameter> {
  readonly required?: boolean
  readonly default?: string
  /** The words that it takes, where it is one of `words`. */
  readonly choices?: readonly string[]
}

/** `--filter` and `--xpath`. */
export const FILTER_OPTIONS = [
  {
    flags: '--filter <file>',
    help: 'subtree that is wanted, as XML in a file; - for standard input',
    parameter: 'filter',
    as: 'file',
  },
  {
    flags: '--xpath <expression>',
    help: 'what is wanted, where the device has :xpath',
    parameter: 'filter',
    as: 'xpath',
  },
] as const

/** `--with-defaults`. */
export const withDefaultsOption = {
  flags: '--with-defaults <mode>',
  help: 'RFC 6243',
  parameter: 'with-defaults',
  as: 'words',
  choices: ['report-all', 'report-all-tagged', 'trim', 'explicit'],
} as const
