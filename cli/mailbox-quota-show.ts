import { sectionShow } from './mailbox-section-show.ts'

/** `sotto mailbox quota show` */
export const run = sectionShow('quota')
