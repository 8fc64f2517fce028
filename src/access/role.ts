/** What a user with this role may do: open sessions on the devices that one of the selectors matches. */
export interface Role {
  /** `*` and `?` match device ids, `label=value` matches labels; see `selectsDevice`. */
  readonly devices: readonly string[]
}

/** The roles by name. */
export type Roles = ReadonlyMap<string, Role>
