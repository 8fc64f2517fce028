/** What a request asks for, as far as a rule looks at it. */
export interface Operation {
  /** Namespace URI of the operation element, '' for none. */
  readonly namespace: string
  /** Local name of the operation element, such as `edit-config` or `request-system-reboot`. */
  readonly name: string
  /**
   * The datastore that it reads (`<source>` of get-config) or writes (`<target>` of edit-config, copy-config, delete-config, lock, unlock; `<source>` of validate):
   * `running`, `candidate`, `startup`, or `url`, `config` where it is none. Absent for operations that name none.
   */
  readonly datastore?: string
}
