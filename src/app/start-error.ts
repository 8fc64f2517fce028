/** Why the bridge cannot start: what happened and where, and what to do. Shown to the operator as it is. */
export class StartError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message)
    this.name = 'StartProblem'
  }
}
