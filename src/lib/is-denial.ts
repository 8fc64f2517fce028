/** Whether the code of a system error says that this user may not, and another one may. */
export function isDenial(code: string | undefined): boolean {
  return code === 'EACCES' || code === 'EPERM'
}
