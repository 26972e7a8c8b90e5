/** Why an object of the template cannot be cloned. */
export interface Problem {
  /** The object, as `pg_class 123`. Of several problems of one object the first is told. */
  readonly key: string
  /** The object's kind and name, what is wrong, and what to do. */
  readonly text: string
}
