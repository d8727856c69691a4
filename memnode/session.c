// SPDX-License-Identifier: GPL-2.0
/*
 * session.c - control connections: CONNECTED -> CHALLENGED (-> WAITING) -> OPEN -> CLOSED.
 *
 * What is not next, not well formed or late ends the connection with a reason. What a session has
 * is taken down in this order: data connections at once; regions and domain by a worker; then the
 * client may have a newer session, or its grace time begins; last the connection itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"
#include "transport.h"

static void fill_random(void *to, size_t bytes)
{
	/* So few bytes are never cut short, and the pool is ready before the network is. */
	if (getrandom(to, bytes, 0) != (ssize_t)bytes)
		abort();
}

struct session *session_new(struct donor *donor, const char *peer, struct connection *connection)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->donor = donor;
	session->connection = connection;
	session->next_seq = 1;
	session->deadline_ms = now_ms() + DMEM_WIRE_HANDSHAKE_MS;
	TAILQ_INIT(&session->extents);
	strncpy(session->peer, peer, sizeof(session->peer) - 1);
	TAILQ_INSERT_TAIL(&donor->sessions, session, entry);
	return session;
}

static void reap(struct session *session)
{
	if (!session->taken_down || !session->gone)
		return;
	transport_free(session);
	TAILQ_REMOVE(&session->donor->sessions, session, entry);
	explicit_bzero(session, sizeof(*session));
	free(session);
}

/* The name that it gives itself, proven or not. */
static const char *who(const struct session *session)
{
	return session->handshake.hello.name[0] ? session->handshake.hello.name : "-";
}

static void count_refusal(struct session *session, enum dmem_wire_code code, const char *reason)
{
	session->donor->counters.refused[code]++;
	log_refusal(now_ms(), "refused %s (%s): %s: %s", session->peer, who(session),
		    dmem_wire_code_name(code), reason);
}

void session_refuse(struct session *session, const union dmem_wire_msg *request,
		    enum dmem_wire_code code, const char *reason)
{
	union dmem_wire_msg msg;

	count_refusal(session, code, reason);
	dmem_wire_refuse(&msg, request, code, false, reason);
	transport_send(session, &msg);
}

static void admit(struct session *session);

/* The client without this session: somebody waits, or it has nothing, or it may come back. */
static void release_client(struct session *session)
{
	struct donor *donor = session->donor;
	struct client *client = session->client;
	struct session *successor;

	session->client = NULL;
	if (!client)
		return;
	if (client->successor == session) {
		client->successor = NULL;
		return;
	}
	client->session = NULL;
	successor = client->successor;
	client->successor = NULL;
	if (successor) {
		admit(successor);
	} else if (!client->nr_leases) {
		store_forget_client(&donor->store, client);
	} else {
		client->grace_end_ms = now_ms() + donor->options->grace_ms;
		log_event(LOG_NOTICE, "client %s (%s) may come back to its %" PRIu32 " extents for %u s",
			  session->peer, who(session), client->nr_leases,
			  donor->options->grace_ms / 1000);
	}
}

static void take_down(struct job *job)
{
	struct session *session = (void *)((char *)job - offsetof(struct session, job));
	struct extent *extent;

	/* The list is still: its client has no other session, and no grace time yet. */
	if (session->client) {
		TAILQ_FOREACH(extent, &session->client->leases, entry)
			transport_detach(extent);
	}
	transport_close(session);
}

static void is_taken_down(struct job *job)
{
	struct session *session = (void *)((char *)job - offsetof(struct session, job));

	session->busy = false;
	session->taken_down = true;
	release_client(session);
	reap(session);
}

static void begin_taking_down(struct session *session)
{
	if (session->id) {
		session->busy = true;
		session->job = (struct job){ .run = take_down, .done = is_taken_down };
		worker_submit(&session->donor->slow, &session->job);
		return;
	}
	session->taken_down = true;
	release_client(session);
}

/* Data connections are cut at once; the rest waits for a job that is under way. */
static void close_session(struct session *session)
{
	if (session->state == SESSION_OPEN || session->state == SESSION_LEFT) {
		session->donor->nr_sessions--;
		transport_cut(session);
	}
	session->state = SESSION_CLOSED;
	session->queued = 0;
	if (!session->busy)
		begin_taking_down(session);
}

void session_fail(struct session *session, const union dmem_wire_msg *request,
		  enum dmem_wire_code code, const char *reason)
{
	union dmem_wire_msg msg;

	if (session->state == SESSION_CLOSED)
		return;
	count_refusal(session, code, reason);
	dmem_wire_refuse(&msg, request, code, true, reason);
	transport_send_last(session, &msg);
	close_session(session);
	transport_hang_up(session);
}

void session_end(struct session *session, const char *why)
{
	bool was_open = session->state == SESSION_OPEN || session->state == SESSION_LEFT;

	if (session->state == SESSION_CLOSED)
		return;
	log_event(LOG_INFO, "%s of %s (%s) ends: %s", was_open ? "session" : "handshake",
		  session->peer, who(session), why);
	close_session(session);
	transport_hang_up(session);
}

void session_gone(struct session *session)
{
	session->gone = true;
	session_end(session, "disconnected");
	reap(session);
}

static void answered(struct session *session)
{
	session->first = (session->first + 1) % DMEM_WIRE_WINDOW;
	session->queued--;
}

void session_job_ended(struct session *session)
{
	session->busy = false;
	if (session->state == SESSION_CLOSED) {
		begin_taking_down(session);
		return;
	}
	answered(session);
	session_pump(session);
}

static bool is_replay(struct donor *donor, const uint8_t nonce[DMEM_WIRE_NONCE_BYTES])
{
	unsigned int i;

	for (i = 0; i < DONOR_NONCES; i++) {
		if (!memcmp(donor->nonces[i], nonce, DMEM_WIRE_NONCE_BYTES))
			return true;
	}
	memcpy(donor->nonces[donor->next_nonce], nonce, DMEM_WIRE_NONCE_BYTES);
	donor->next_nonce = (donor->next_nonce + 1) % DONOR_NONCES;
	return false;
}

static void take_hello(struct session *session, const union dmem_wire_msg *msg)
{
	struct donor *donor = session->donor;
	const struct dmem_wire_hello *hello = &msg->hello;
	bool has_key = dmem_le32(hello->flags) & DMEM_WIRE_F_KEY;
	union dmem_wire_msg reply;
	uint32_t flags = donor->has_key ? DMEM_WIRE_F_KEY : 0;

	session->handshake.hello = *hello;
	if (has_key != donor->has_key) {
		session_fail(session, msg, DMEM_WIRE_KEY_NEEDED, donor->has_key ?
			     "a key is needed here" : "there is no key here");
		return;
	}
	if (is_replay(donor, hello->nonce)) {
		session_fail(session, msg, DMEM_WIRE_REPLAY, "this hello came before");
		return;
	}
	if (store_find_client(&donor->store, hello->client))
		flags |= DMEM_WIRE_F_KNOWN;
	dmem_wire_begin(&reply, DMEM_WIRE_CHALLENGE, dmem_le32(msg->header.seq));
	fill_random(reply.challenge.nonce, sizeof(reply.challenge.nonce));
	reply.challenge.epoch = htole64(store_epoch(&donor->store));
	reply.challenge.flags = htole32(flags);
	session->handshake.challenge = reply.challenge;
	session->state = SESSION_CHALLENGED;
	transport_send(session, &reply);
}

static uint64_t new_session_id(const struct donor *donor)
{
	const struct session *session;
	uint64_t id;

	do {
		fill_random(&id, sizeof(id));
		TAILQ_FOREACH(session, &donor->sessions, entry) {
			if (session->id == id)
				id = 0;
		}
	} while (!id);
	return id;
}

static void send_accept(struct session *session)
{
	const struct donor *donor = session->donor;
	const struct options *options = donor->options;
	union dmem_wire_msg reply;
	struct dmem_wire_accept *accept = &reply.accept;

	dmem_wire_begin(&reply, DMEM_WIRE_ACCEPT, dmem_le32(session->handshake.proof.header.seq));
	accept->session = htole64(session->id);
	accept->extent_bytes = htole64(options->extent_bytes);
	accept->lendable_bytes = htole64(donor_lendable_bytes(donor, session->client));
	accept->kept_bytes = htole64(session->client->nr_leases * options->extent_bytes);
	accept->renew_ms = htole32(options->renew_ms);
	accept->grace_ms = htole32(options->grace_ms);
	accept->max_data_conns = htole16(session->max_data_conns);
	accept->flags = htole32(donor->draining ? DMEM_WIRE_F_DRAINING : 0);
	dmem_wire_mac_accept(accept->proof, donor->key, &session->handshake, accept);
	transport_send(session, &reply);
}

/* The client of a proven session: the one it waited for the end of a session of, or a new one. */
static struct client *make_known(struct session *session)
{
	uint8_t resume_key[DMEM_WIRE_KEY_BYTES];
	struct client *client;

	if (session->client)
		return session->client;
	dmem_wire_mac_hello(resume_key, session->donor->key, DMEM_WIRE_LABEL_RESUME_KEY,
			    &session->handshake);
	client = store_add_client(&session->donor->store, session->handshake.hello.client,
				  resume_key);
	explicit_bzero(resume_key, sizeof(resume_key));
	return client;
}

static void admit(struct session *session)
{
	const union dmem_wire_msg *proof = (const void *)&session->handshake.proof;
	struct donor *donor = session->donor;
	uint16_t wanted = dmem_le16(session->handshake.hello.data_conns);
	struct client *client = make_known(session);
	int err;

	if (!client) {
		session_fail(session, proof, DMEM_WIRE_BUSY, "too many clients");
		return;
	}
	session->client = client;
	client->session = session;
	err = transport_open(session);
	if (err) {
		log_event(LOG_ERR, "session of %s: %s", session->peer, strerror(-err));
		session_fail(session, proof, DMEM_WIRE_INTERNAL, "no protection domain");
		return;
	}
	session->id = new_session_id(donor);
	dmem_wire_mac_hello(session->key, donor->key, DMEM_WIRE_LABEL_SESSION,
			    &session->handshake);
	session->max_data_conns = wanted < donor->options->data_conns ? wanted :
								       donor->options->data_conns;
	session->state = SESSION_OPEN;
	session->deadline_ms = now_ms() +
			       DMEM_WIRE_RENEW_MISSES * (uint64_t)donor->options->renew_ms;
	donor->nr_sessions++;
	donor->counters.sessions++;
	donor->counters.resumed += client->nr_leases > 0;
	log_event(LOG_INFO, "session of %s (%s) begins, with %" PRIu32 " extents kept",
		  session->peer, who(session), client->nr_leases);
	send_accept(session);
}

/* An older session goes first, and what it had: nothing of it can come later than ACCEPT. */
static void supersede(struct session *session, struct client *client)
{
	session->state = SESSION_WAITING;
	session->client = client;
	if (client->successor)
		session_fail(client->successor, NULL, DMEM_WIRE_SUPERSEDED,
			     "a newer session of this client has begun");
	client->successor = session;
	session_fail(client->session, NULL, DMEM_WIRE_SUPERSEDED,
		     "a newer session of this client has begun");
}

static enum dmem_wire_code check_proof(struct session *session, struct client *client,
				       const char **reason)
{
	const struct dmem_wire_handshake *handshake = &session->handshake;
	bool known = dmem_le32(handshake->challenge.flags) & DMEM_WIRE_F_KNOWN;
	uint8_t mac[DMEM_WIRE_MAC_BYTES];

	dmem_wire_mac_hello(mac, session->donor->key, DMEM_WIRE_LABEL_CLIENT, handshake);
	*reason = "the proof is wrong: another key";
	if (!dmem_wire_mac_equal(mac, handshake->proof.proof))
		return DMEM_WIRE_BAD_PROOF;
	*reason = "this client came or went meanwhile";
	if (known != (client != NULL))
		return DMEM_WIRE_BUSY;
	*reason = "a resume proof, and this client is not known";
	if (!known)
		return dmem_wire_is_zero(handshake->proof.resume, DMEM_WIRE_MAC_BYTES) ?
		       DMEM_WIRE_OK : DMEM_WIRE_MALFORMED;
	dmem_wire_mac_hello(mac, client->resume_key, DMEM_WIRE_LABEL_RESUME, handshake);
	*reason = "the resume proof is wrong: these leases are another client's";
	return dmem_wire_mac_equal(mac, handshake->proof.resume) ? DMEM_WIRE_OK :
								   DMEM_WIRE_BAD_PROOF;
}

static void take_proof(struct session *session, const union dmem_wire_msg *msg)
{
	struct client *client = store_find_client(&session->donor->store,
						  session->handshake.hello.client);
	enum dmem_wire_code code;
	const char *reason;

	session->handshake.proof = msg->proof;
	code = check_proof(session, client, &reason);
	if (code != DMEM_WIRE_OK) {
		session_fail(session, msg, code, reason);
		return;
	}
	if (client && client->session) {
		supersede(session, client);
		return;
	}
	session->client = client;
	admit(session);
}

static void handle(struct session *session, const union dmem_wire_msg *msg)
{
	uint16_t type = dmem_le16(msg->header.type);

	if (session->state == SESSION_CONNECTED && type == DMEM_WIRE_HELLO)
		take_hello(session, msg);
	else if (session->state == SESSION_CHALLENGED && type == DMEM_WIRE_PROOF)
		take_proof(session, msg);
	else if (session->state == SESSION_OPEN && type != DMEM_WIRE_HELLO &&
		 type != DMEM_WIRE_PROOF)
		session_request(session, msg);
	else
		session_fail(session, msg, DMEM_WIRE_UNEXPECTED, "not what comes next");
}

/* WAITING: a client that waits for ACCEPT has nothing to say. */
static bool can_go_on(const struct session *session)
{
	return session->queued && !session->busy && session->state != SESSION_CLOSED &&
	       transport_can_send(session);
}

void session_pump(struct session *session)
{
	union dmem_wire_msg *msg;

	while (can_go_on(session)) {
		msg = &session->queue[session->first];
		handle(session, msg);
		/* Its place is kept until a job that it began has answered it. */
		if (session->state == SESSION_CLOSED || session->busy)
			return;
		answered(session);
	}
}

static enum dmem_wire_code check_seq(const struct session *session, uint32_t seq,
				     const char **reason)
{
	if (seq == session->next_seq)
		return DMEM_WIRE_OK;
	*reason = "sequence number out of order";
	return seq < session->next_seq ? DMEM_WIRE_REPLAY : DMEM_WIRE_UNEXPECTED;
}

void session_receive(struct session *session, const union dmem_wire_msg *msg, size_t len)
{
	const struct donor *donor = session->donor;
	enum dmem_wire_code code;
	const char *reason;

	if (session->state == SESSION_CLOSED)
		return;
	code = dmem_wire_check(msg, len, DMEM_WIRE_CLIENT, &reason);
	if (code == DMEM_WIRE_OK && dmem_le16(msg->header.type) == DMEM_WIRE_ERROR) {
		session_end(session, msg->error.reason);
		return;
	}
	if (code == DMEM_WIRE_OK)
		code = check_seq(session, dmem_le32(msg->header.seq), &reason);
	if (code == DMEM_WIRE_OK && session->queued == DMEM_WIRE_WINDOW) {
		code = DMEM_WIRE_UNEXPECTED;
		reason = "too many requests without an answer";
	}
	if (code != DMEM_WIRE_OK) {
		session_fail(session, len == sizeof(*msg) ? msg : NULL, code, reason);
		return;
	}
	session->next_seq++;
	if (session->state == SESSION_OPEN)
		session->deadline_ms = now_ms() +
			DMEM_WIRE_RENEW_MISSES * (uint64_t)donor->options->renew_ms;
	session->queue[(session->first + session->queued++) % DMEM_WIRE_WINDOW] = *msg;
	session_pump(session);
}

enum dmem_wire_code session_join(struct donor *donor, const struct dmem_wire_cm *cm,
				 struct session **joined, const char **reason)
{
	uint16_t index = dmem_le16(cm->index);
	uint8_t mac[DMEM_WIRE_MAC_BYTES];
	struct session *session;

	TAILQ_FOREACH(session, &donor->sessions, entry) {
		if (session->state == SESSION_OPEN && session->id == dmem_le64(cm->session))
			break;
	}
	*reason = "there is no such session";
	if (!session)
		return DMEM_WIRE_NO_SESSION;
	dmem_wire_mac_cm(mac, session->key, DMEM_WIRE_LABEL_JOIN, cm);
	*reason = "the join proof is wrong";
	if (!dmem_wire_mac_equal(mac, cm->proof))
		return DMEM_WIRE_BAD_PROOF;
	*reason = "more data connections than were accepted";
	if (index >= session->max_data_conns)
		return DMEM_WIRE_MALFORMED;
	*reason = "this attempt came before";
	if (dmem_le32(cm->attempt) <= session->attempts[index])
		return DMEM_WIRE_REPLAY;
	session->attempts[index] = dmem_le32(cm->attempt);
	*joined = session;
	return DMEM_WIRE_OK;
}
