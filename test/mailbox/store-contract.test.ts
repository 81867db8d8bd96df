import { describe, test } from 'vitest'
import { storeContract } from '../../mailbox/store-contract.ts'
import { conditionalSubject, levelSubject, memorySubject } from './store-subjects.ts'

const slow = process.env['SLOW'] === '1'

describe('LevelDB', () => {
  storeContract({ test, factory: levelSubject, histories: slow ? 200 : 10 })
})

describe('memory', () => {
  storeContract({ test, factory: memorySubject, histories: slow ? 2000 : 60 })
})

describe('three front ends on an engine with conditional writes only', () => {
  storeContract({ test, factory: conditionalSubject, histories: slow ? 2000 : 60 })
})
