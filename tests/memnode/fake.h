/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fake.h - a donor without a fabric, for unit tests: what it sends is a list, workers run when the
 * test says so, and the clock is the test's. And a client of it.
 *
 * All calls end the test (cmocka) where the donor does what it must not.
 */
#ifndef MEMNODE_FAKE_H
#define MEMNODE_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memnode/transport.h"

#define EXTENT		(2ULL << 20)
#define EXTENTS		8
#define SENT_MAX	64

struct connection {
	union dmem_wire_msg sent[SENT_MAX];
	unsigned int nr_sent, taken;
	bool full;			/* no send buffer is free */
	bool hung_up, freed, open, cut;
	LIST_ENTRY(connection) entry;
};

struct peer {
	struct connection *connection;
	struct session *session;
	uint32_t seq;
	uint8_t id[DMEM_WIRE_ID_BYTES];
	uint8_t key[DMEM_WIRE_KEY_BYTES], resume_key[DMEM_WIRE_KEY_BYTES];
	bool known;
	struct dmem_wire_handshake handshake;
	struct dmem_wire_accept accept;
};

extern struct options options;
extern struct donor donor;
extern uint64_t clock_ms;
/* Extents that are registered now; how many more registrations fail. */
extern unsigned int attached, attach_fails;

/* A donor of its own for each test; nothing may be left of its sessions. */
int start(void **state);
int stop(void **state);

/* One job, or all there are. */
bool work_once(void);
void work(void);

/* A connection; with another id; and a handshake on it. */
void connect_peer(struct peer *peer);
void new_peer(struct peer *peer, uint8_t id);
void open_peer(struct peer *peer, uint8_t id);
/* The donor sees the connection end, and is done with it. */
void lose(struct peer *peer);

/* A message with the next sequence number; returns @msg. */
union dmem_wire_msg *begin(struct peer *peer, union dmem_wire_msg *msg,
			   enum dmem_wire_type type);
void say(struct peer *peer, union dmem_wire_msg *msg);
/* The next message to the peer; NULL: none. */
const union dmem_wire_msg *hear(struct peer *peer);
const union dmem_wire_msg *expect(struct peer *peer, enum dmem_wire_type type);
const union dmem_wire_msg *expect_error(struct peer *peer, enum dmem_wire_code code, bool fatal);

/* The handshake, step by step. */
void make_hello(struct peer *peer, union dmem_wire_msg *msg);
void challenge(struct peer *peer);
void make_proof(struct peer *peer, union dmem_wire_msg *msg);
void prove(struct peer *peer);
void accepted(struct peer *peer);
void shake_hands(struct peer *peer);

void say_lease(struct peer *peer, uint32_t number, uint64_t generation);
void say_release(struct peer *peer, uint32_t number, uint64_t generation);
void say_renew(struct peer *peer, uint64_t used);
/* A new lease's generation. */
uint64_t lease(struct peer *peer, uint32_t number);

#endif /* MEMNODE_FAKE_H */
