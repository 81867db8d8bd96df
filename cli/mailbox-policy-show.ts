import { sectionShow } from './mailbox-section-show.ts'

/** `sotto mailbox policy show` */
export const run = sectionShow('policy')
