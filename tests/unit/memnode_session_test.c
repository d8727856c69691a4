// SPDX-License-Identifier: GPL-2.0
/* memnode_session_test.c - a donor's sessions, with a client of bytes (tests/memnode/fake.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnode/metrics.h"
#include "../memnode/fake.h"
#include "../golden.h"


static void opens(void **state)
{
	struct peer peer;

	(void)state;
	open_peer(&peer, 1);
	assert_int_equal(dmem_le16(peer.accept.max_data_conns), 4);
	assert_int_equal(dmem_le64(peer.accept.lendable_bytes), EXTENTS * EXTENT);
	assert_int_equal(donor.nr_sessions, 1);
	assert_int_equal(donor_strangers(&donor), 0);
	lose(&peer);
	/* Without leases it is forgotten. */
	assert_int_equal(donor.store.nr_clients, 0);
}

static void hello_refused(void **state)
{
	union dmem_wire_msg msg, again;
	struct peer peer;

	(void)state;
	new_peer(&peer, 1);
	make_hello(&peer, &msg);
	again = msg;
	msg.hello.flags = 0;
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_KEY_NEEDED, true);
	say(&peer, &again);
	assert_null(hear(&peer));
	new_peer(&peer, 2);
	say(&peer, &again);
	expect(&peer, DMEM_WIRE_CHALLENGE);
	new_peer(&peer, 2);
	say(&peer, &again);
	expect_error(&peer, DMEM_WIRE_REPLAY, true);
	assert_int_equal(donor.counters.refused[DMEM_WIRE_REPLAY], 1);
	assert_int_equal(donor_refused(&donor), 2);
}

static void nonces_are_remembered(void **state)
{
	union dmem_wire_msg first, msg;
	struct peer peer;
	unsigned int i;

	(void)state;
	new_peer(&peer, 1);
	make_hello(&peer, &first);
	say(&peer, &first);
	lose(&peer);
	for (i = 0; i < DONOR_NONCES - 1; i++) {
		connect_peer(&peer);
		make_hello(&peer, &msg);
		say(&peer, &msg);
		lose(&peer);
	}
	connect_peer(&peer);
	say(&peer, &first);
	expect_error(&peer, DMEM_WIRE_REPLAY, true);
}

static void proof_refused(void **state)
{
	union dmem_wire_msg msg, old;
	struct peer peer, thief;

	(void)state;
	new_peer(&peer, 1);
	challenge(&peer);
	make_proof(&peer, &old);
	msg = old;
	msg.proof.proof[31] ^= 1;
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_BAD_PROOF, true);
	/* What was right for one challenge is wrong for the next. */
	new_peer(&peer, 1);
	challenge(&peer);
	say(&peer, &old);
	expect_error(&peer, DMEM_WIRE_BAD_PROOF, true);
	new_peer(&peer, 1);
	challenge(&peer);
	make_proof(&peer, &msg);
	msg.proof.resume[0] = 1;
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_MALFORMED, true);
	/* Who has the key but not the resume key gets nothing of another client's. */
	open_peer(&peer, 1);
	lease(&peer, 0);
	new_peer(&thief, 1);
	challenge(&thief);
	assert_true(dmem_le32(thief.handshake.challenge.flags) & DMEM_WIRE_F_KNOWN);
	prove(&thief);
	expect_error(&thief, DMEM_WIRE_BAD_PROOF, true);
	assert_int_equal(peer.session->state, SESSION_OPEN);
}

/* Known at the challenge and not at the proof, or the other way round. */
static void came_or_went(void **state)
{
	struct peer first, second;

	(void)state;
	new_peer(&first, 1);
	challenge(&first);
	open_peer(&second, 1);
	prove(&first);
	expect_error(&first, DMEM_WIRE_BUSY, true);
	lease(&second, 0);
	lose(&second);
	connect_peer(&second);
	challenge(&second);
	clock_ms += options.grace_ms;
	donor_check_deadlines(&donor);
	assert_int_equal(donor.store.nr_clients, 0);
	/* Its own deadline is past as well, in the same round. */
	expect_error(&second, DMEM_WIRE_LATE, true);
}

static void order(void **state)
{
	union dmem_wire_msg msg;
	struct peer peer;

	(void)state;
	new_peer(&peer, 1);
	make_proof(&peer, &msg);
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_UNEXPECTED, true);
	open_peer(&peer, 1);
	make_hello(&peer, &msg);
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_UNEXPECTED, true);
	open_peer(&peer, 2);
	begin(&peer, &msg, DMEM_WIRE_STATS);
	say(&peer, &msg);
	expect(&peer, DMEM_WIRE_FIGURES);
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_REPLAY, true);
	open_peer(&peer, 3);
	peer.seq++;
	say_renew(&peer, 0);
	expect_error(&peer, DMEM_WIRE_UNEXPECTED, true);
	open_peer(&peer, 4);
	dmem_wire_begin(&msg, DMEM_WIRE_RENEWED, ++peer.seq);
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_UNEXPECTED, true);
}

static void malformed(void **state)
{
	union dmem_wire_msg msg;
	struct peer peer;

	(void)state;
	open_peer(&peer, 1);
	begin(&peer, &msg, DMEM_WIRE_STATS);
	session_receive(peer.session, &msg, 40);
	expect_error(&peer, DMEM_WIRE_MALFORMED, true);
	open_peer(&peer, 2);
	begin(&peer, &msg, DMEM_WIRE_STATS);
	msg.header.version = htole16(2);
	say(&peer, &msg);
	expect_error(&peer, DMEM_WIRE_BAD_VERSION, true);
	open_peer(&peer, 3);
	say_renew(&peer, 1);
	expect_error(&peer, DMEM_WIRE_MALFORMED, true);
	open_peer(&peer, 4);
	say_lease(&peer, DMEM_WIRE_EXTENTS_MAX, 0);
	expect_error(&peer, DMEM_WIRE_MALFORMED, true);
	/* A client may say why it goes; nobody answers that. */
	open_peer(&peer, 5);
	dmem_wire_refuse(&msg, NULL, DMEM_WIRE_INTERNAL, true, "out of luck");
	say(&peer, &msg);
	assert_null(hear(&peer));
	assert_true(peer.connection->hung_up);
}

static void leases(void **state)
{
	const union dmem_wire_msg *reply;
	uint64_t first, second;
	struct peer peer;

	(void)state;
	open_peer(&peer, 1);
	first = lease(&peer, 5);
	say_lease(&peer, 5, first);
	reply = expect(&peer, DMEM_WIRE_LEASED);
	assert_int_equal(dmem_le64(reply->leased.lendable_bytes), (EXTENTS - 1) * EXTENT);
	say_lease(&peer, 5, first + 1);
	assert_int_equal(dmem_le32(expect_error(&peer, DMEM_WIRE_LOST, false)->error.extent), 5);
	say_lease(&peer, 6, first);
	expect_error(&peer, DMEM_WIRE_LOST, false);
	/* In its place: the older is released first. */
	second = lease(&peer, 5);
	assert_int_not_equal(first, second);
	assert_int_equal(donor.store.nr_leased, 1);
	/* A release of what is not there, or of an older one, is done already. */
	say_release(&peer, 5, first);
	expect(&peer, DMEM_WIRE_RELEASED);
	say_release(&peer, 7, 1);
	expect(&peer, DMEM_WIRE_RELEASED);
	assert_int_equal(donor.store.nr_leased, 1);
	say_release(&peer, 5, second);
	assert_null(hear(&peer));
	work();
	expect(&peer, DMEM_WIRE_RELEASED);
	assert_int_equal(donor.store.nr_leased, 0);
	assert_int_equal(donor.store.nr_free, EXTENTS);
}

static void full_and_quota(void **state)
{
	struct peer one, other;
	unsigned int i;

	(void)state;
	options.quota_bytes = 5 * EXTENT + 1;
	open_peer(&one, 1);
	open_peer(&other, 2);
	for (i = 0; i < 5; i++)
		lease(&one, i);
	say_lease(&one, 5, 0);
	expect_error(&one, DMEM_WIRE_QUOTA, false);
	for (i = 0; i < 3; i++)
		lease(&other, i);
	say_lease(&other, 3, 0);
	expect_error(&other, DMEM_WIRE_FULL, false);
	/* In the place of one that it has there is room. */
	lease(&other, 2);
	donor_drain(&donor);
	say_lease(&other, 3, 0);
	expect_error(&other, DMEM_WIRE_DRAINING, false);
	say_renew(&other, 0);
	assert_int_equal(dmem_le32(expect(&other, DMEM_WIRE_RENEWED)->renewed.flags),
			 DMEM_WIRE_F_DRAINING);
}

static void registering_fails(void **state)
{
	struct peer peer;
	uint64_t generation;

	(void)state;
	open_peer(&peer, 1);
	attach_fails = 1;
	say_lease(&peer, 0, 0);
	work();
	expect_error(&peer, DMEM_WIRE_NO_MEMORY, false);
	assert_int_equal(donor.store.nr_free, EXTENTS);
	generation = lease(&peer, 0);
	lose(&peer);
	connect_peer(&peer);
	shake_hands(&peer);
	attach_fails = 1;
	say_lease(&peer, 0, generation);
	work();
	expect_error(&peer, DMEM_WIRE_NO_MEMORY, false);
	/* It is still its own. */
	say_lease(&peer, 0, generation);
	work();
	expect(&peer, DMEM_WIRE_LEASED);
}

/* Answers come in the order of their requests, whatever takes longer. */
static void in_order(void **state)
{
	union dmem_wire_msg msg;
	struct peer peer;
	unsigned int i;

	(void)state;
	open_peer(&peer, 1);
	say_lease(&peer, 0, 0);
	say_renew(&peer, 0);
	say_lease(&peer, 1, 0);
	begin(&peer, &msg, DMEM_WIRE_STATS);
	say(&peer, &msg);
	assert_null(hear(&peer));
	work();
	expect(&peer, DMEM_WIRE_LEASED);
	expect(&peer, DMEM_WIRE_RENEWED);
	expect(&peer, DMEM_WIRE_LEASED);
	assert_int_equal(dmem_le64(expect(&peer, DMEM_WIRE_FIGURES)->figures.yours_bytes),
			 2 * EXTENT);
	/* No send buffer: it waits. */
	peer.connection->full = true;
	for (i = 0; i < DMEM_WIRE_WINDOW; i++)
		say_renew(&peer, 0);
	assert_null(hear(&peer));
	peer.connection->full = false;
	session_pump(peer.session);
	for (i = 0; i < DMEM_WIRE_WINDOW; i++)
		expect(&peer, DMEM_WIRE_RENEWED);
	assert_null(hear(&peer));
}

static void too_many_requests(void **state)
{
	struct peer peer;
	unsigned int i;

	(void)state;
	open_peer(&peer, 1);
	say_lease(&peer, 0, 0);
	for (i = 1; i < DMEM_WIRE_WINDOW; i++)
		say_renew(&peer, 0);
	assert_false(peer.connection->hung_up);
	say_renew(&peer, 0);
	expect_error(&peer, DMEM_WIRE_UNEXPECTED, true);
	/* The lease that was under way is the client's, and nobody is answered. */
	work();
	assert_null(hear(&peer));
	assert_int_equal(donor.store.nr_leased, 1);
	assert_int_equal(attached, 0);
}

static void resumes(void **state)
{
	uint64_t generation;
	struct peer peer;

	(void)state;
	open_peer(&peer, 1);
	generation = lease(&peer, 3);
	lose(&peer);
	assert_int_equal(attached, 0);
	clock_ms += options.grace_ms - 1;
	donor_check_deadlines(&donor);
	connect_peer(&peer);
	shake_hands(&peer);
	assert_int_equal(dmem_le64(peer.accept.kept_bytes), EXTENT);
	/* In a session there is no grace time that could end. */
	clock_ms += 10;
	donor_check_deadlines(&donor);
	say_lease(&peer, 3, generation);
	work();
	expect(&peer, DMEM_WIRE_LEASED);
	lose(&peer);
	clock_ms += options.grace_ms;
	donor_check_deadlines(&donor);
	assert_int_equal(donor.store.nr_clients, 0);
	assert_int_equal(donor.store.nr_free, EXTENTS - 1);
	work();
	assert_int_equal(donor.store.nr_free, EXTENTS);
	assert_int_equal(donor.counters.expired, 1);
}

/* ACCEPT comes after the older session's end, with a job of it under way or not. */
static void supersedes(void **state)
{
	struct peer older, newer, newest;
	uint64_t generation;

	(void)state;
	open_peer(&older, 1);
	generation = lease(&older, 0);
	say_lease(&older, 1, 0);
	newer = older;
	connect_peer(&newer);
	challenge(&newer);
	prove(&newer);
	expect_error(&older, DMEM_WIRE_SUPERSEDED, true);
	assert_true(older.connection->cut);
	assert_null(hear(&newer));
	assert_int_equal(newer.session->state, SESSION_WAITING);
	/* A third one takes the second one's place. */
	newest = older;
	connect_peer(&newest);
	challenge(&newest);
	prove(&newest);
	expect_error(&newer, DMEM_WIRE_SUPERSEDED, true);
	assert_true(work_once());
	assert_null(hear(&newest));
	assert_true(work_once());
	assert_false(older.connection->open);
	accepted(&newest);
	assert_int_equal(dmem_le64(newest.accept.kept_bytes), 2 * EXTENT);
	say_lease(&newest, 0, generation);
	work();
	expect(&newest, DMEM_WIRE_LEASED);
	assert_int_equal(attached, 1);
}

static void successor_goes(void **state)
{
	struct peer older, newer;

	(void)state;
	open_peer(&older, 1);
	lease(&older, 0);
	newer = older;
	connect_peer(&newer);
	challenge(&newer);
	prove(&newer);
	session_gone(newer.session);
	work();
	assert_int_equal(donor.store.nr_clients, 1);
	session_gone(older.session);
	work();
	connect_peer(&older);
	shake_hands(&older);
	assert_int_equal(dmem_le64(older.accept.kept_bytes), EXTENT);
}

static void leaves(void **state)
{
	union dmem_wire_msg msg;
	struct peer peer;

	(void)state;
	open_peer(&peer, 1);
	lease(&peer, 0);
	lease(&peer, 9);
	begin(&peer, &msg, DMEM_WIRE_LEAVE);
	say(&peer, &msg);
	assert_true(peer.connection->cut);
	assert_int_equal(donor.store.nr_clients, 0);
	assert_null(hear(&peer));
	work();
	assert_int_equal(dmem_le64(expect(&peer, DMEM_WIRE_LEFT)->left.released_bytes), 2 * EXTENT);
	assert_int_equal(donor.store.nr_free, EXTENTS);
	say_renew(&peer, 0);
	expect_error(&peer, DMEM_WIRE_UNEXPECTED, true);
	/* One that goes in the middle of it. */
	open_peer(&peer, 2);
	lease(&peer, 0);
	begin(&peer, &msg, DMEM_WIRE_LEAVE);
	say(&peer, &msg);
	lose(&peer);
	assert_int_equal(donor.store.nr_free, EXTENTS);
}

static void deadlines(void **state)
{
	struct peer stranger, silent, left;
	union dmem_wire_msg msg;

	(void)state;
	assert_int_equal(donor_check_deadlines(&donor), -1);
	new_peer(&stranger, 1);
	challenge(&stranger);
	assert_int_equal(donor_check_deadlines(&donor), DMEM_WIRE_HANDSHAKE_MS);
	clock_ms += DMEM_WIRE_HANDSHAKE_MS;
	donor_check_deadlines(&donor);
	expect_error(&stranger, DMEM_WIRE_LATE, true);
	open_peer(&silent, 2);
	lease(&silent, 0);
	open_peer(&left, 3);
	begin(&left, &msg, DMEM_WIRE_LEAVE);
	say(&left, &msg);
	work();
	clock_ms += 2999;
	assert_int_equal(donor_check_deadlines(&donor), 1);
	say_renew(&silent, 0);
	expect(&silent, DMEM_WIRE_RENEWED);
	clock_ms += 1;
	donor_check_deadlines(&donor);
	assert_true(left.connection->hung_up);
	clock_ms += 2999;
	donor_check_deadlines(&donor);
	expect_error(&silent, DMEM_WIRE_LATE, true);
	work();
	assert_int_equal(donor.store.nr_leased, 1);
}

static void joins(void **state)
{
	struct session *joined;
	struct dmem_wire_cm cm;
	const char *reason;
	struct peer peer;
	uint8_t key[DMEM_WIRE_KEY_BYTES];

	(void)state;
	open_peer(&peer, 1);
	dmem_wire_mac_hello(key, peer.key, DMEM_WIRE_LABEL_SESSION, &peer.handshake);
	cm = (struct dmem_wire_cm){
		.magic = htole32(DMEM_WIRE_MAGIC), .version = htole16(DMEM_WIRE_VERSION),
		.purpose = htole16(DMEM_WIRE_DATA), .session = peer.accept.session,
		.attempt = htole32(5), .index = htole16(3),
	};
	assert_int_equal(session_join(&donor, &cm, &joined, &reason), DMEM_WIRE_BAD_PROOF);
	dmem_wire_mac_cm(cm.proof, key, DMEM_WIRE_LABEL_JOIN, &cm);
	assert_int_equal(session_join(&donor, &cm, &joined, &reason), DMEM_WIRE_OK);
	assert_ptr_equal(joined, peer.session);
	assert_int_equal(session_join(&donor, &cm, &joined, &reason), DMEM_WIRE_REPLAY);
	/* Requests may overtake each other: each index counts for itself. */
	cm.index = 0;
	cm.attempt = htole32(4);
	dmem_wire_mac_cm(cm.proof, key, DMEM_WIRE_LABEL_JOIN, &cm);
	assert_int_equal(session_join(&donor, &cm, &joined, &reason), DMEM_WIRE_OK);
	cm.index = htole16(4);
	dmem_wire_mac_cm(cm.proof, key, DMEM_WIRE_LABEL_JOIN, &cm);
	assert_int_equal(session_join(&donor, &cm, &joined, &reason), DMEM_WIRE_MALFORMED);
	cm.session = ~cm.session;
	assert_int_equal(session_join(&donor, &cm, &joined, &reason), DMEM_WIRE_NO_SESSION);
}

static void allowed(void **state)
{
	struct sockaddr_storage own, foreign;
	struct network network;
	const char *reason;

	(void)state;
	assert_int_equal(address_parse("127.0.0.1:1", 0, &own), 0);
	assert_int_equal(address_parse("192.0.2.1:1", 0, &foreign), 0);
	assert_true(donor_allows(&donor, (struct sockaddr *)&foreign, &reason));
	assert_int_equal(network_parse("127.0.0.0/8", &network), 0);
	options.allow = &network;
	options.nr_allow = 1;
	assert_true(donor_allows(&donor, (struct sockaddr *)&own, &reason));
	assert_false(donor_allows(&donor, (struct sockaddr *)&foreign, &reason));
	assert_string_equal(reason, "not in --allow");
	/* Without a key, whatever --allow says, nobody from elsewhere. */
	assert_int_equal(network_parse("0.0.0.0/0", &network), 0);
	donor.has_key = false;
	assert_true(donor_allows(&donor, (struct sockaddr *)&own, &reason));
	assert_false(donor_allows(&donor, (struct sockaddr *)&foreign, &reason));
	assert_string_equal(reason, "there is no key here, and this is another host's address");
	options.allow = NULL;
	options.nr_allow = 0;
	assert_false(donor_allows(&donor, (struct sockaddr *)&foreign, &reason));
}

static void metrics(void **state)
{
	struct peer peer;
	size_t bytes;
	char *text;

	(void)state;
	open_peer(&peer, 1);
	lease(&peer, 0);
	say_renew(&peer, 4096);
	peer.seq--;
	say_renew(&peer, 0);
	/* The page as a whole is the golden one; here what it must say of what was done. */
	text = metrics_text(&donor, DMEM_OPENMETRICS, &bytes);
	assert_non_null(text);
	assert_int_equal(strlen(text), bytes);
	assert_non_null(strstr(text, "\ndmem_memnode_lent_bytes 2097152\n"));
	assert_non_null(strstr(text, "\ndmem_memnode_used_bytes 4096\n"));
	assert_non_null(strstr(text, "\ndmem_memnode_refused_total{code=\"replay\"} 1\n"));
	assert_non_null(strstr(text, "\ndmem_memnode_refused_total{code=\"full\"} 0\n"));
	assert_non_null(strstr(text, "\ndmem_memnode_extents_leased_total 1\n"));
	golden_expect("memnode.om", text);
	free(text);
	text = metrics_text(&donor, DMEM_PROMETHEUS_TEXT, &bytes);
	assert_non_null(text);
	golden_expect("memnode.prom", text);
	free(text);
}

/* A message that is nearly right: of a type, with some bytes that are not. */
static void make_fuzz(struct peer *peer, union dmem_wire_msg *msg)
{
	static const enum dmem_wire_type types[] = {
		DMEM_WIRE_HELLO, DMEM_WIRE_PROOF, DMEM_WIRE_LEASE, DMEM_WIRE_LEASE,
		DMEM_WIRE_LEASE, DMEM_WIRE_RELEASE, DMEM_WIRE_RENEW, DMEM_WIRE_STATS,
		DMEM_WIRE_LEAVE, DMEM_WIRE_ERROR, DMEM_WIRE_ACCEPT,
	};
	unsigned int flips = random() % 20 ? 0 : 1 + random() % 5, last;

	if (peer->session->state == SESSION_CONNECTED && random() % 8) {
		make_hello(peer, msg);
	} else if (peer->session->state == SESSION_CHALLENGED && random() % 8) {
		last = (peer->connection->nr_sent - 1) % SENT_MAX;
		peer->handshake.challenge = peer->connection->sent[last].challenge;
		peer->known = dmem_le32(peer->handshake.challenge.flags) & DMEM_WIRE_F_KNOWN;
		make_proof(peer, msg);
		if (!peer->known)
			dmem_wire_mac_hello(peer->resume_key, peer->key,
					    DMEM_WIRE_LABEL_RESUME_KEY, &peer->handshake);
	} else {
		begin(peer, msg, types[random() % (sizeof(types) / sizeof(types[0]))]);
		if (dmem_le16(msg->header.type) == DMEM_WIRE_LEASE ||
		    dmem_le16(msg->header.type) == DMEM_WIRE_RELEASE) {
			msg->lease.extent = htole32(random() % 4);
			msg->lease.generation = htole64(random() % 6);
		}
	}
	while (flips--)
		msg->bytes[random() % sizeof(*msg)] = random();
}

/* Nothing that clients say, in whatever order, upsets the books. */
static void fuzz(void **state)
{
	struct peer peers[4] = { 0 };
	union dmem_wire_msg msg;
	unsigned int i, which;
	struct peer *peer;

	(void)state;
	srandom(1);
	for (i = 0; i < 4; i++)
		new_peer(&peers[i], 1 + i / 2);
	for (i = 0; i < 300000; i++) {
		which = random() % 4;
		peer = &peers[which];
		make_fuzz(peer, &msg);
		session_receive(peer->session, &msg,
				random() % 50 ? sizeof(msg) : random() % sizeof(msg));
		if (!(random() % 4))
			work_once();
		if (!(random() % 64)) {
			clock_ms += random() % 2000;
			donor_check_deadlines(&donor);
		}
		/* Whoever waits for a job has a buffer for its answer. */
		peer->connection->full = !peer->session->busy &&
					 peer->session->state != SESSION_WAITING &&
					 !(random() % 16);
		if (!peer->connection->full)
			session_pump(peer->session);
		if (peer->connection->hung_up || !(random() % 200)) {
			session_gone(peer->session);
			/* The connection's memory is this peer's: it must be done with. */
			work();
			assert_true(peer->connection->freed);
			connect_peer(peer);
		}
		assert_true(donor.store.nr_leased + donor.store.nr_free <= EXTENTS);
	}
	/* Something did come of it. */
	assert_true(donor.counters.leased > 100 && donor.counters.resumed > 10);
	for (i = 0; i < 4; i++)
		lose(&peers[i]);
	clock_ms += options.grace_ms;
	donor_check_deadlines(&donor);
	work();
	assert_int_equal(donor.store.nr_free, EXTENTS);
	assert_int_equal(donor.store.nr_clients, 0);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens), TEST(hello_refused), TEST(nonces_are_remembered),
		TEST(proof_refused), TEST(came_or_went), TEST(order), TEST(malformed),
		TEST(leases), TEST(full_and_quota), TEST(registering_fails), TEST(in_order),
		TEST(too_many_requests), TEST(resumes), TEST(supersedes), TEST(successor_goes),
		TEST(leaves), TEST(deadlines), TEST(joins), TEST(allowed), TEST(metrics),
		TEST(fuzz),
	};

	/* The donor's log is not this test's. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("memnode_session", tests, NULL, NULL);
}
