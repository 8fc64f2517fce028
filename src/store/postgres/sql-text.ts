/** `INSERT INTO table (…) VALUES ($1, …)`: each value in the place of its column. */
export function insertInto(table: string, columns: readonly string[]): string {
  const values = columns.map((_, index) => `$${index + 1}`)
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values.join(', ')})`
}

/** `column = $1, …`, for the same values. */
export function settingEach(columns: readonly string[]): string {
  return columns.map((column, index) => `${column} = $${index + 1}`).join(', ')
}
