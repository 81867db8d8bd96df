import { memberChange } from './mailbox-member-change.ts'

/** `sotto mailbox member remove ID` */
export const run = memberChange('remove')
