import { memberChange } from './mailbox-member-change.ts'

/** `sotto mailbox member resume ID` */
export const run = memberChange('resume')
