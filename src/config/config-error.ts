import type { ValuePath } from './yaml/value-path.js'

/** What is wrong with one value of the file. */
export interface ConfigError {
  readonly path: ValuePath
  readonly message: string
  readonly hint?: string
  /** The file that this user may not read, absolute, where that is the fault. */
  readonly denied?: string
  /** Where to look, when that is not where the path leads. */
  readonly place?: { readonly line: number; readonly column: number }
}
