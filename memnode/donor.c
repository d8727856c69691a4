// SPDX-License-Identifier: GPL-2.0
/* donor.c - what is no single session's: who may connect, figures, deadlines, the end. */
#include <inttypes.h>
#include <stdlib.h>

#include "log.h"
#include "transport.h"


uint64_t donor_lendable_bytes(const struct donor *donor, const struct client *client)
{
	uint64_t extent_bytes = donor->options->extent_bytes;
	uint64_t quota = donor->options->quota_bytes / extent_bytes;
	uint64_t free = donor->store.nr_free, left;

	if (donor->draining || client->nr_leases >= quota)
		return 0;
	left = quota - client->nr_leases;
	return (left < free ? left : free) * extent_bytes;
}

uint64_t donor_refused(const struct donor *donor)
{
	uint64_t all = 0;
	unsigned int code;

	for (code = 0; code < DMEM_WIRE_CODES; code++)
		all += donor->counters.refused[code];
	return all;
}

unsigned int donor_strangers(const struct donor *donor)
{
	const struct session *session;
	unsigned int strangers = 0;

	TAILQ_FOREACH(session, &donor->sessions, entry)
		strangers += !session->id;
	return strangers;
}

bool donor_allows(const struct donor *donor, const struct sockaddr *address, const char **reason)
{
	const struct options *options = donor->options;
	bool allowed = !options->nr_allow;
	unsigned int i;

	for (i = 0; i < options->nr_allow && !allowed; i++)
		allowed = network_has(&options->allow[i], address);
	*reason = "not in --allow";
	if (!allowed)
		return false;
	*reason = "there is no key here, and this is another host's address";
	return donor->has_key || address_is_own(address);
}

void donor_refuse_connection(struct donor *donor, struct dmem_wire_reject *reject,
			     const char *peer, enum dmem_wire_code code, const char *reason)
{
	donor->counters.refused[code]++;
	log_refusal(now_ms(), "refused %s: %s: %s", peer, dmem_wire_code_name(code), reason);
	dmem_wire_begin_reject(reject, code, reason);
}

void donor_begin_grace(struct donor *donor)
{
	struct client *client;

	TAILQ_FOREACH(client, &donor->store.clients, entry)
		client->grace_end_ms = now_ms() + donor->options->grace_ms;
}

void donor_drain(struct donor *donor)
{
	donor->draining = true;
	donor->drain_end_ms = now_ms() + donor->options->grace_ms;
}

/* Extents of a client that has not come back; it is unknown already. */
struct expiry {
	struct job job;
	struct donor *donor;
	struct extent_list extents;
};

static struct expiry *expiry_of(struct job *job)
{
	return (void *)((char *)job - offsetof(struct expiry, job));
}

static void run_expiry(struct job *job)
{
	struct expiry *expiry = expiry_of(job);

	session_punch(&expiry->donor->store, &expiry->extents);
}

static void expired(struct job *job)
{
	struct expiry *expiry = expiry_of(job);

	session_free_extents(expiry->donor, &expiry->extents);
	free(expiry);
}

static void expire(struct donor *donor, struct client *client)
{
	struct expiry *expiry = calloc(1, sizeof(*expiry));
	struct extent *extent;

	/* Without memory: next time. */
	if (!expiry)
		return;
	expiry->donor = donor;
	expiry->job = (struct job){ .run = run_expiry, .done = expired };
	TAILQ_INIT(&expiry->extents);
	log_event(LOG_NOTICE, "a client did not come back in %u s: its %" PRIu32 " extents are freed",
		  donor->options->grace_ms / 1000, client->nr_leases);
	donor->counters.expired += client->nr_leases;
	while ((extent = TAILQ_FIRST(&client->leases)))
		store_unlease(&donor->store, extent, &expiry->extents);
	store_forget_client(&donor->store, client);
	worker_submit(&donor->slow, &expiry->job);
}

/* Whatever came in time was perhaps only not looked at: a stopped daemon is no dead client. */
static void check_session(struct session *session, uint64_t now)
{
	if (session->deadline_ms > now)
		return;
	switch (session->state) {
	case SESSION_CONNECTED:
	case SESSION_CHALLENGED:
		transport_poll(session);
		if (session->state < SESSION_WAITING)
			session_fail(session, NULL, DMEM_WIRE_LATE,
				     "the handshake took too long");
		break;
	case SESSION_OPEN:
		transport_poll(session);
		if (session->state == SESSION_OPEN && session->deadline_ms <= now)
			session_fail(session, NULL, DMEM_WIRE_LATE, "nothing came for too long");
		break;
	case SESSION_LEFT:
		if (!session->busy)
			session_end(session, "it has left and does not disconnect");
		break;
	default:
		break;
	}
}

/* Only of states in which check_session() would do something. */
static uint64_t deadline_of(const struct session *session)
{
	if (session->state == SESSION_WAITING || session->state == SESSION_CLOSED ||
	    (session->state == SESSION_LEFT && session->busy))
		return UINT64_MAX;
	return session->deadline_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int donor_check_deadlines(struct donor *donor)
{
	uint64_t now = now_ms(), next = donor->draining ? donor->drain_end_ms : UINT64_MAX;
	struct session *session;
	struct client *client, *following;

	/* Ending one frees none: that is done by the transport, and later. */
	TAILQ_FOREACH(session, &donor->sessions, entry) {
		check_session(session, now);
		next = earlier(next, deadline_of(session));
	}
	for (client = TAILQ_FIRST(&donor->store.clients); client; client = following) {
		following = TAILQ_NEXT(client, entry);
		if (client->session)
			continue;
		if (client->grace_end_ms <= now)
			expire(donor, client);
		else
			next = earlier(next, client->grace_end_ms);
	}
	if (next == UINT64_MAX)
		return -1;
	now = now_ms();
	return next <= now ? 0 : next - now > 60000 ? 60000 : (int)(next - now);
}
