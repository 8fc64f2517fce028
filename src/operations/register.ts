import { cancelCommit } from './cancel-commit.js'
import { commit } from './commit.js'
import { compare } from './compare.js'
import { copyConfig } from './copy-config.js'
import type { Operation } from './define-operation.js'
import { deleteConfig } from './delete-config.js'
import { discardChanges } from './discard-changes.js'
import { editConfig } from './edit-config.js'
import { editData } from './edit-data.js'
import { get } from './get.js'
import { getConfig } from './get-config.js'
import { getData } from './get-data.js'
import { getSchema } from './get-schema.js'
import { killSession } from './kill-session.js'
import { lock } from './lock.js'
import { unlock } from './unlock.js'
import { validate } from './validate.js'

/** Every typed operation, in the order of the documentation. Whatever else lists operations is a filter over this. */
export const OPERATIONS = [
  get,
  getConfig,
  editConfig,
  copyConfig,
  deleteConfig,
  validate,
  commit,
  cancelCommit,
  discardChanges,
  lock,
  unlock,
  killSession,
  getSchema,
  getData,
  editData,
  compare,
] as const satisfies readonly Operation[]

/** The name of a typed operation. */
export type OperationName = (typeof OPERATIONS)[number]['name']

const BY_NAME: ReadonlyMap<string, Operation<OperationName>> = new Map(OPERATIONS.map((one) => [one.name, one]))

/** The typed operation of that name; undefined for any other name. */
export function operationNamed(name: OperationName): Operation
export function operationNamed(name: string): Operation | undefined
export function operationNamed(name: string): Operation | undefined {
  return BY_NAME.get(name)
}
