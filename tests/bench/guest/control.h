/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h - what the bench guest's programs share: the word with the host before the timed
 * section, the clock, numbers and checksums that are the same in every run. No program uses libm,
 * which picks its code by CPU: results could differ.
 */
#ifndef BENCH_CONTROL_H
#define BENCH_CONTROL_H

#include <stddef.h>
#include <stdint.h>

/**
 * control_die() - say on standard error why there is no result, and exit with status 1
 * @format: as printf's, one line, without a newline
 */
__attribute__((noreturn, format(printf, 1, 2)))
void control_die(const char *format, ...);

/**
 * control_scale() - the factor of work and footprint
 * @text: the argument, a decimal number from 1 to 256; anything else ends the program
 */
unsigned int control_scale(const char *text);

/**
 * control_loaded() - what the workload works on is in memory: tell the host, wait for its go
 * @name: the workload
 *
 * Until here all memory may be local; what comes next finds the configuration's limit in force.
 */
void control_loaded(const char *name);

/**
 * control_start() - the warm-up is done: tell the host, wait for its go
 * @name: the workload
 *
 * Talks on descriptor 3, the control channel that init opened.
 *
 * Return: CLOCK_MONOTONIC after the go, in ns: the timed section's start.
 */
uint64_t control_start(const char *name);

/** control_now_ns() - CLOCK_MONOTONIC in ns */
uint64_t control_now_ns(void);

/** control_result() - print the result as init expects it on standard output */
void control_result(uint64_t elapsed_ns, uint64_t checksum);

/** control_alloc() - zeroed memory, @count times @size bytes; ends the program if there is none */
void *control_alloc(size_t count, size_t size);

/** control_hash() - @hash continued over @bytes bytes at @data */
uint64_t control_hash(uint64_t hash, const void *data, size_t bytes);

/** mix64() - the finalizer of splitmix64: a bijection that flips half of the bits */
static inline uint64_t mix64(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/** next_random() - the next of splitmix64's numbers; *@state is the seed at first */
static inline uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return mix64(*state);
}

/** random_below() - a number below @bound (by scaling 32 bits of chance, not by division) */
static inline uint32_t random_below(uint64_t *state, uint32_t bound)
{
	return ((next_random(state) >> 32) * bound) >> 32;
}

#endif
