/* SPDX-License-Identifier: GPL-2.0 */
/* clock.h - deadlines are counted in monotonic milliseconds. */
#ifndef MEMNODE_CLOCK_H
#define MEMNODE_CLOCK_H

#include <stdint.h>

uint64_t now_ms(void);

#endif /* MEMNODE_CLOCK_H */
