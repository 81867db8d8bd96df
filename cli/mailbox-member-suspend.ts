import { memberChange } from './mailbox-member-change.ts'

/** `sotto mailbox member suspend ID` */
export const run = memberChange('suspend')
