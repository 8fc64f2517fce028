/**
 * Which namespace each prefix stands for on a walk through a document; '' is the default one. What an element declares
 * is added as the walk enters it and taken away as it leaves, so that neither depth nor the number of declarations
 * makes a look-up slower.
 */
export class NamespacesInScope {
  /** The namespaces of a prefix, the innermost last. */
  readonly #namespaces = new Map<string, string[]>()
  /** The prefixes of a namespace, those that are hidden by inner ones included. */
  readonly #prefixes = new Map<string, string[]>()

  /** @param outer what is declared around the document */
  constructor(outer: Iterable<readonly [prefix: string, namespace: string]>) {
    this.enter(outer)
  }

  enter(declared: Iterable<readonly [prefix: string, namespace: string]>): void {
    for (const [prefix, namespace] of declared) {
      add(this.#namespaces, prefix, namespace)
      add(this.#prefixes, namespace, prefix)
    }
  }

  /** Takes away what was added last, which has to be this. */
  leave(declared: Iterable<readonly [prefix: string, namespace: string]>): void {
    for (const [prefix, namespace] of declared) {
      this.#namespaces.get(prefix)?.pop()
      this.#prefixes.get(namespace)?.pop()
    }
  }

  /** The namespace of a prefix, undefined where none is declared. */
  namespaceOf(prefix: string): string | undefined {
    return this.#namespaces.get(prefix)?.at(-1)
  }

  /** A prefix, other than the default one, that stands for a namespace here. */
  prefixOf(namespace: string): string | undefined {
    return this.#prefixes.get(namespace)?.findLast((prefix) => prefix !== '' && this.namespaceOf(prefix) === namespace)
  }
}

function add(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
