import type { AddressInfo } from 'node:net'
import type { JSONWebKeySet } from 'jose'
import { type SubjectName, subjects } from './subjects.ts'
import { withKeys } from './tokens.ts'

// One subject in a process of its own: told by its arguments which, it says its port, and ends with its parent.

const [name, jwks] = process.argv.slice(2)
const server = await subjects[name as SubjectName](withKeys(JSON.parse(jwks ?? '') as JSONWebKeySet))
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
