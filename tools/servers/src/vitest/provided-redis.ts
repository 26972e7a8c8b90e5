declare module 'vitest' {
  interface ProvidedContext {
    /** Why there is no Redis; `undefined` where there is one. */
    tenantryRedis: { readonly missing: string | undefined }
  }
}

export type {}
