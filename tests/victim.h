/* SPDX-License-Identifier: ISC */
/* What victim.c and those who start it agree on. */
#ifndef DINIT_TESTS_VICTIM_H
#define DINIT_TESTS_VICTIM_H

#define VICTIM_COMPLAINT_FD 3
#define VICTIM_READY_FD 4
#define VICTIM_CONTROL_FD 5
/* and the numbers after it: what the mode copies opens */
#define VICTIM_COPIES_FD 40
/* how often the modes exec and threadexec start themselves anew */
#define VICTIM_EXECS 40

#endif
