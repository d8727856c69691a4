// SPDX-License-Identifier: GPL-2.0
/* fake.c - what transport.h, worker.h and clock.h need, of bytes; a client to talk to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

/* The fabric: what stands for a connection, a domain, a memory region. */


/* Connections are there until the test ends, to be looked at. */
static LIST_HEAD(, connection) connections;

struct ibv_mr {
	struct session *session;
};

unsigned int attached, attach_fails;
static struct job_list jobs = STAILQ_HEAD_INITIALIZER(jobs);

bool transport_can_send(const struct session *session)
{
	return !session->connection->full;
}

void transport_send(struct session *session, const union dmem_wire_msg *msg)
{
	struct connection *connection = session->connection;
	const char *reason;

	assert_false(connection->full);
	assert_int_equal(dmem_wire_check(msg, sizeof(*msg), DMEM_WIRE_DONOR, &reason),
			 DMEM_WIRE_OK);
	connection->sent[connection->nr_sent++ % SENT_MAX] = *msg;
}

void transport_send_last(struct session *session, const union dmem_wire_msg *msg)
{
	bool full = session->connection->full;

	session->connection->full = false;
	transport_send(session, msg);
	session->connection->full = full;
}

void transport_poll(struct session *session)
{
	(void)session;
}

void transport_hang_up(struct session *session)
{
	session->connection->hung_up = true;
}

void transport_free(struct session *session)
{
	assert_false(session->connection->open);
	session->connection->freed = true;
}

int transport_open(struct session *session)
{
	assert_false(session->connection->open);
	session->connection->open = true;
	return 0;
}

void transport_cut(struct session *session)
{
	session->connection->cut = true;
}

void transport_close(struct session *session)
{
	assert_true(session->connection->open);
	session->connection->open = false;
}

int transport_attach(struct session *session, struct extent *extent, uint32_t *rkey)
{
	assert_null(extent->mr);
	assert_true(session->connection->open);
	if (attach_fails) {
		attach_fails--;
		return -ENOMEM;
	}
	extent->mr = malloc(sizeof(*extent->mr));
	extent->mr->session = session;
	attached++;
	*rkey = transport_rkey(extent);
	return 0;
}

void transport_detach(struct extent *extent)
{
	attached -= !!extent->mr;
	free(extent->mr);
	extent->mr = NULL;
}

uint64_t transport_address(const struct session *session, const struct extent *extent)
{
	return session->donor->options->extent_bytes * extent->index;
}

uint32_t transport_rkey(const struct extent *extent)
{
	return 1000 + extent->index;
}

void worker_submit(struct worker *worker, struct job *job)
{
	(void)worker;
	STAILQ_INSERT_TAIL(&jobs, job, entry);
}

bool work_once(void)
{
	struct job *job = STAILQ_FIRST(&jobs);

	if (!job)
		return false;
	STAILQ_REMOVE_HEAD(&jobs, entry);
	job->run(job);
	job->done(job);
	return true;
}

void work(void)
{
	while (work_once())
		continue;
}

uint64_t clock_ms = 1000000;

uint64_t now_ms(void)
{
	return clock_ms;
}

/* The donor, anew for each test. */

struct options options;
struct donor donor;

int start(void **state)
{
	const struct store_config config = { .memory_bytes = EXTENTS * EXTENT,
					     .extent_bytes = EXTENT };
	struct dmem_error error;

	(void)state;
	options = (struct options){
		.memory_bytes = EXTENTS * EXTENT, .extent_bytes = EXTENT,
		.quota_bytes = EXTENTS * EXTENT, .grace_ms = 5000, .renew_ms = 1000,
		.data_conns = 4,
	};
	memset(&donor, 0, sizeof(donor));
	donor.options = &options;
	donor.has_key = true;
	memset(donor.key, 7, sizeof(donor.key));
	TAILQ_INIT(&donor.sessions);
	donor.started_ms = clock_ms;
	return store_open(&donor.store, &config, &error);
}

int stop(void **state)
{
	struct session *session, *next;
	struct connection *connection;

	(void)state;
	for (session = TAILQ_FIRST(&donor.sessions); session; session = next) {
		next = TAILQ_NEXT(session, entry);
		session_gone(session);
	}
	work();
	assert_true(TAILQ_EMPTY(&donor.sessions));
	assert_int_equal(donor.nr_sessions, 0);
	assert_int_equal(attached, 0);
	store_close(&donor.store);
	while ((connection = LIST_FIRST(&connections))) {
		LIST_REMOVE(connection, entry);
		free(connection);
	}
	return 0;
}

/* A client. */


void connect_peer(struct peer *peer)
{
	peer->seq = 0;
	peer->connection = calloc(1, sizeof(*peer->connection));
	assert_non_null(peer->connection);
	LIST_INSERT_HEAD(&connections, peer->connection, entry);
	peer->session = session_new(&donor, "192.0.2.1:5", peer->connection);
	assert_non_null(peer->session);
}

void new_peer(struct peer *peer, uint8_t id)
{
	memset(peer, 0, sizeof(*peer));
	memset(peer->id, id, sizeof(peer->id));
	memcpy(peer->key, donor.key, sizeof(peer->key));
	connect_peer(peer);
}

void say(struct peer *peer, union dmem_wire_msg *msg)
{
	session_receive(peer->session, msg, sizeof(*msg));
}

union dmem_wire_msg *begin(struct peer *peer, union dmem_wire_msg *msg,
				  enum dmem_wire_type type)
{
	dmem_wire_begin(msg, type, ++peer->seq);
	return msg;
}

const union dmem_wire_msg *hear(struct peer *peer)
{
	if (peer->connection->taken == peer->connection->nr_sent)
		return NULL;
	return &peer->connection->sent[peer->connection->taken++ % SENT_MAX];
}

const union dmem_wire_msg *expect(struct peer *peer, enum dmem_wire_type type)
{
	const union dmem_wire_msg *msg = hear(peer);

	assert_non_null(msg);
	if (dmem_le16(msg->header.type) != type)
		fail_msg("type %u, not %u: %s", dmem_le16(msg->header.type), type,
			 dmem_le16(msg->header.type) == DMEM_WIRE_ERROR ? msg->error.reason : "");
	return msg;
}

const union dmem_wire_msg *expect_error(struct peer *peer, enum dmem_wire_code code,
					       bool fatal)
{
	const union dmem_wire_msg *msg = expect(peer, DMEM_WIRE_ERROR);

	if (dmem_le32(msg->error.code) != code)
		fail_msg("%s (%s), not %s", dmem_wire_code_name(dmem_le32(msg->error.code)),
			 msg->error.reason, dmem_wire_code_name(code));
	assert_int_equal(dmem_le16(msg->error.flags), fatal ? DMEM_WIRE_F_FATAL : 0);
	assert_int_equal(peer->connection->hung_up, fatal);
	return msg;
}

void make_hello(struct peer *peer, union dmem_wire_msg *msg)
{
	static uint64_t nonce;

	begin(peer, msg, DMEM_WIRE_HELLO);
	nonce++;
	memcpy(msg->hello.nonce, &nonce, sizeof(nonce));
	memcpy(msg->hello.client, peer->id, sizeof(peer->id));
	msg->hello.flags = htole32(DMEM_WIRE_F_KEY);
	msg->hello.data_conns = htole16(200);
	peer->handshake.hello = msg->hello;
}

void make_proof(struct peer *peer, union dmem_wire_msg *msg)
{
	begin(peer, msg, DMEM_WIRE_PROOF);
	dmem_wire_mac_hello(msg->proof.proof, peer->key, DMEM_WIRE_LABEL_CLIENT,
			    &peer->handshake);
	if (peer->known)
		dmem_wire_mac_hello(msg->proof.resume, peer->resume_key, DMEM_WIRE_LABEL_RESUME,
				    &peer->handshake);
	peer->handshake.proof = msg->proof;
}

void challenge(struct peer *peer)
{
	union dmem_wire_msg msg;

	make_hello(peer, &msg);
	say(peer, &msg);
	peer->handshake.challenge = expect(peer, DMEM_WIRE_CHALLENGE)->challenge;
}

void prove(struct peer *peer)
{
	union dmem_wire_msg msg;

	make_proof(peer, &msg);
	say(peer, &msg);
}

void accepted(struct peer *peer)
{
	uint8_t mac[DMEM_WIRE_MAC_BYTES];

	peer->accept = expect(peer, DMEM_WIRE_ACCEPT)->accept;
	dmem_wire_mac_accept(mac, peer->key, &peer->handshake, &peer->accept);
	assert_memory_equal(mac, peer->accept.proof, sizeof(mac));
	if (!(dmem_le32(peer->handshake.challenge.flags) & DMEM_WIRE_F_KNOWN))
		dmem_wire_mac_hello(peer->resume_key, peer->key, DMEM_WIRE_LABEL_RESUME_KEY,
				    &peer->handshake);
	peer->known = true;
}

void shake_hands(struct peer *peer)
{
	challenge(peer);
	prove(peer);
	accepted(peer);
}

void open_peer(struct peer *peer, uint8_t id)
{
	new_peer(peer, id);
	shake_hands(peer);
}

void say_lease(struct peer *peer, uint32_t number, uint64_t generation)
{
	union dmem_wire_msg msg;

	begin(peer, &msg, DMEM_WIRE_LEASE);
	msg.lease.extent = htole32(number);
	msg.lease.generation = htole64(generation);
	say(peer, &msg);
}

uint64_t lease(struct peer *peer, uint32_t number)
{
	say_lease(peer, number, 0);
	work();
	return dmem_le64(expect(peer, DMEM_WIRE_LEASED)->leased.generation);
}

void say_release(struct peer *peer, uint32_t number, uint64_t generation)
{
	union dmem_wire_msg msg;

	begin(peer, &msg, DMEM_WIRE_RELEASE);
	msg.release.extent = htole32(number);
	msg.release.generation = htole64(generation);
	say(peer, &msg);
}

void say_renew(struct peer *peer, uint64_t used)
{
	union dmem_wire_msg msg;

	begin(peer, &msg, DMEM_WIRE_RENEW);
	msg.renew.used_bytes = htole64(used);
	say(peer, &msg);
}

void lose(struct peer *peer)
{
	session_gone(peer->session);
	work();
	assert_true(peer->connection->freed);
}
