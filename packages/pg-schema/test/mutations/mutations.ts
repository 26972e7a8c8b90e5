import type { Mutation } from './mutation.ts'
import { objectMutations } from './object-mutations.ts'
import { tableMutations } from './table-mutations.ts'

/** Changes of every kind of object, run with the template's schema first in the path, and as its owner. */
export const mutations: readonly Mutation[] = [...tableMutations, ...objectMutations]
