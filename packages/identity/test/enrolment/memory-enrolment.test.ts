import { memoryRegistry } from '@tenantry/core'
import { describe } from 'vitest'
import { memoryEnrolment } from '../../src/index.ts'
import { enrolmentLaws } from './enrolment-laws.ts'

describe('memoryEnrolment', () => {
  enrolmentLaws(async () => {
    const registry = memoryRegistry(['a', 'b'].map(id => ({ id, slug: id, name: id })))
    return {
      store: memoryEnrolment(),
      registry,
      async setStatus(tenant, status) {
        registry.update(tenant, { status })
      },
    }
  })
})
