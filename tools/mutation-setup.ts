/** Before each test file of a mutation run: one counterexample will do, the smallest takes long to find. */
import * as fc from 'fast-check'

fc.configureGlobal({ endOnFailure: true })
