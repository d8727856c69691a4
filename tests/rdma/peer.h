/* SPDX-License-Identifier: GPL-2.0 */
/*
 * peer.h - a client of a donor in user space, which can also be wrong: every step is a call of its
 * own, and what it sends may be anything.
 *
 * Calls that fail in a way that is not the donor's answer end the test (CHECK).
 */
#ifndef DMEM_PEER_H
#define DMEM_PEER_H

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include "../selftests/selftest.h"
#include "wire.h"

#define PEER_WINDOW	(2 * DMEM_WIRE_WINDOW)
#define PEER_MEMORY	(1 << 20)

/** struct peer_conn - a connection, of either purpose */
struct peer_conn {
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	uint8_t *memory;		/* PEER_MEMORY: of messages, or what is read and written */
	bool connected;
	unsigned int next_recv;		/* control: buffer that is filled next */
	unsigned int received;		/* and not taken */
	unsigned int unposted;
	struct dmem_wire_cm joined;	/* of the donor's reply */
	struct dmem_wire_reject reject;	/* of its rejection; code 0: it did not reject */
};

/** struct peer - a client */
struct peer {
	const char *address;
	uint16_t port;
	bool has_key;
	uint8_t key[DMEM_WIRE_KEY_BYTES];
	uint8_t id[DMEM_WIRE_ID_BYTES];
	bool known;			/* it has a resume key */
	uint8_t resume_key[DMEM_WIRE_KEY_BYTES];
	struct peer_conn control;
	uint32_t seq;
	struct dmem_wire_handshake handshake;
	struct dmem_wire_accept accept;
	uint8_t session_key[DMEM_WIRE_KEY_BYTES];
	uint32_t attempt;
	struct peer_conn data;		/* of index 0 */
};

/** struct peer_lease - as LEASED has it */
struct peer_lease {
	uint32_t extent, rkey;
	uint64_t generation, address, length, lendable_bytes;
};

/** peer_init - a client of another id, without a connection */
void peer_init(struct peer *peer, const char *address, uint16_t port, const uint8_t *key);

/** peer_connect - request a connection; false: @conn->reject or nothing says why */
bool peer_connect(struct peer *peer, struct peer_conn *conn, const void *cm, size_t cm_bytes);
/** peer_connect_control - with the private data it should have */
bool peer_connect_control(struct peer *peer);
/** peer_close - without a word */
void peer_close(struct peer_conn *conn);
/** peer_drop - both connections */
void peer_drop(struct peer *peer);

/** peer_send - @len bytes as a message */
void peer_send(struct peer *peer, const void *msg, size_t len);
/** peer_receive - the next message; false: the connection ended, or nothing in @timeout_ms */
bool peer_receive(struct peer *peer, union dmem_wire_msg *msg, int timeout_ms);
/** peer_ended - whether the donor ends the connection in @timeout_ms */
bool peer_ended(struct peer_conn *conn, int timeout_ms);

/** peer_begin - a message with the next sequence number */
void peer_begin(struct peer *peer, union dmem_wire_msg *msg, enum dmem_wire_type type);
/** peer_ask - send, and take the answer; it must come */
void peer_ask(struct peer *peer, const union dmem_wire_msg *msg, union dmem_wire_msg *reply);

/** peer_hello - fill in a HELLO; sent by peer_ask() it becomes the handshake's */
void peer_hello(struct peer *peer, union dmem_wire_msg *msg);
/** peer_challenge - HELLO and its answer, which must be a CHALLENGE */
void peer_challenge(struct peer *peer);
/** peer_proof - fill in a PROOF for the challenge */
void peer_proof(struct peer *peer, union dmem_wire_msg *msg);
/** peer_open - connect and shake hands; the donor must accept and prove itself */
void peer_open(struct peer *peer);

/** peer_lease - generation 0: a new one; returns 0 or the code of the refusal */
unsigned int peer_lease(struct peer *peer, uint32_t extent, uint64_t generation,
			struct peer_lease *lease);
void peer_release(struct peer *peer, const struct peer_lease *lease);
/** peer_renew - the answer's flags */
uint32_t peer_renew(struct peer *peer, uint64_t used_bytes);
void peer_stats(struct peer *peer, struct dmem_wire_figures *figures);
/** peer_leave - and disconnect; returns the bytes that were released */
uint64_t peer_leave(struct peer *peer);

/** peer_join_cm - private data for a data connection, with its proof */
void peer_join_cm(struct peer *peer, struct dmem_wire_cm *cm, uint16_t index, uint32_t attempt);
/** peer_join - the data connection */
void peer_join(struct peer *peer);
/** peer_io - READ to or WRITE from the beginning of @conn->memory; enum ibv_wc_status */
int peer_io(struct peer_conn *conn, enum ibv_wr_opcode opcode, uint64_t address, uint32_t rkey,
	    uint32_t bytes);

/** peer_cut_off - whether a READ fails, or is not answered at all */
bool peer_cut_off(struct peer_conn *conn, uint64_t address, uint32_t rkey);

#endif /* DMEM_PEER_H */
