// SPDX-License-Identifier: GPL-2.0
/*
 * unit.c - the input of the workload gcc: little code after many declarations, as in a kernel.
 *
 * mkimage.sh preprocesses it after vmlinux.h and with empty files for the C library's headers,
 * whose names vmlinux.h has too. It changes only when the benchmark or vmlinux.h does.
 */
int strcmp(const char *left, const char *right);

#define main array_main
#include "array.c"
#undef main
#undef SEED
#define main pagerank_main
#include "pagerank.c"
