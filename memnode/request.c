// SPDX-License-Identifier: GPL-2.0
/*
 * request.c - what an open session asks for: LEASE, RELEASE, RENEW, STATS, LEAVE.
 *
 * Whatever registers memory or makes holes is a worker's; the session is busy then, and its next
 * request waits, so that answers come in the order of their requests. The ledger is written here,
 * in the loop: void before a hole is made, valid before the answer is sent.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "transport.h"

static struct session *session_of(struct job *job)
{
	return (void *)((char *)job - offsetof(struct session, job));
}

/* The request under way: it keeps its place until session_job_ended(). */
static const union dmem_wire_msg *under_way(const struct session *session)
{
	return &session->queue[session->first];
}

static void begin_job(struct session *session, struct worker *worker, void (*run)(struct job *),
		      void (*done)(struct job *))
{
	session->busy = true;
	session->job = (struct job){ .run = run, .done = done };
	worker_submit(worker, &session->job);
}

void session_punch(struct store *store, struct extent_list *extents)
{
	struct extent *extent;

	TAILQ_FOREACH(extent, extents, entry) {
		transport_detach(extent);
		/* Nobody has it: its number is free to say what came of it. */
		extent->number = -store_punch(store, extent);
	}
}

void session_free_extents(struct donor *donor, struct extent_list *extents)
{
	struct extent *extent;

	while ((extent = TAILQ_FIRST(extents))) {
		TAILQ_REMOVE(extents, extent, entry);
		if (!extent->number) {
			store_free(&donor->store, extent);
			continue;
		}
		donor->counters.lost++;
		log_event(LOG_ERR, "extent %u is not lent again: its content cannot be removed: %s",
			  extent->index, strerror(extent->number));
	}
}

static void answer_leased(struct session *session, const struct extent *extent, uint32_t rkey)
{
	const struct donor *donor = session->donor;
	union dmem_wire_msg reply;

	dmem_wire_begin(&reply, DMEM_WIRE_LEASED, dmem_le32(under_way(session)->header.seq));
	reply.leased.extent = htole32(extent->number);
	reply.leased.rkey = htole32(rkey);
	reply.leased.generation = htole64(extent->generation);
	reply.leased.address = htole64(transport_address(session, extent));
	reply.leased.length = htole64(donor->options->extent_bytes);
	reply.leased.lendable_bytes = htole64(donor_lendable_bytes(donor, session->client));
	transport_send(session, &reply);
}

static void answer_released(struct session *session)
{
	const union dmem_wire_msg *request = under_way(session);
	union dmem_wire_msg reply;

	dmem_wire_begin(&reply, DMEM_WIRE_RELEASED, dmem_le32(request->header.seq));
	reply.released.extent = request->release.extent;
	reply.released.generation = request->release.generation;
	reply.released.lendable_bytes =
		htole64(donor_lendable_bytes(session->donor, session->client));
	transport_send(session, &reply);
}

/* A worker's jobs: what they need is in the session, which waits for them. */

static void run_attach(struct job *job)
{
	struct session *session = session_of(job);

	session->outcome = transport_attach(session, session->extent, &session->rkey);
}

static void run_fill_and_attach(struct job *job)
{
	struct session *session = session_of(job);

	session->outcome = store_fill(&session->donor->store, session->extent);
	if (!session->outcome)
		session->outcome = transport_attach(session, session->extent, &session->rkey);
}

static void run_punch(struct job *job)
{
	struct session *session = session_of(job);

	session_punch(&session->donor->store, &session->extents);
}

static void undone(struct job *job)
{
	struct session *session = session_of(job);

	session_free_extents(session->donor, &session->extents);
	if (session->state != SESSION_CLOSED)
		session_refuse(session, under_way(session), DMEM_WIRE_NO_MEMORY,
			       strerror(-session->outcome));
	session_job_ended(session);
}

static void attached_new(struct job *job)
{
	struct session *session = session_of(job);

	if (session->outcome) {
		log_event(LOG_ERR, "an extent for %s cannot be had or registered: %s",
			  session->peer, strerror(-session->outcome));
		store_unlease(&session->donor->store, session->extent, &session->extents);
		begin_job(session, &session->donor->quick, run_punch, undone);
		return;
	}
	session->donor->counters.leased++;
	if (session->state != SESSION_CLOSED)
		answer_leased(session, session->extent, session->rkey);
	session_job_ended(session);
}

static void attached_again(struct job *job)
{
	struct session *session = session_of(job);

	if (session->state != SESSION_CLOSED && session->outcome)
		session_refuse(session, under_way(session), DMEM_WIRE_NO_MEMORY,
			       strerror(-session->outcome));
	else if (session->state != SESSION_CLOSED)
		answer_leased(session, session->extent, session->rkey);
	session_job_ended(session);
}

static enum dmem_wire_code may_lease(const struct session *session, const char **reason)
{
	const struct donor *donor = session->donor;
	uint64_t has = session->client->nr_leases * donor->options->extent_bytes;

	*reason = "this donor will end";
	if (donor->draining)
		return DMEM_WIRE_DRAINING;
	*reason = "this client has all it may have";
	if (has + donor->options->extent_bytes > donor->options->quota_bytes)
		return DMEM_WIRE_QUOTA;
	*reason = "no extent is free";
	return donor->store.nr_free ? DMEM_WIRE_OK : DMEM_WIRE_FULL;
}

/* False: refused. True: a worker has it. */
static bool lease_new(struct session *session)
{
	const union dmem_wire_msg *request = under_way(session);
	const char *reason;
	enum dmem_wire_code code = may_lease(session, &reason);

	if (code == DMEM_WIRE_OK) {
		session->extent = store_lease(&session->donor->store, session->client,
					      dmem_le32(request->lease.extent));
		code = session->extent ? DMEM_WIRE_OK : DMEM_WIRE_NO_MEMORY;
		reason = "no memory to know it by";
	}
	if (code != DMEM_WIRE_OK) {
		session_refuse(session, request, code, reason);
		return false;
	}
	begin_job(session, &session->donor->quick, run_fill_and_attach, attached_new);
	return true;
}

static void replaced(struct job *job)
{
	struct session *session = session_of(job);

	session_free_extents(session->donor, &session->extents);
	if (session->state == SESSION_CLOSED || !lease_new(session))
		session_job_ended(session);
}

static void take_lease(struct session *session, const union dmem_wire_msg *request)
{
	uint64_t generation = dmem_le64(request->lease.generation);
	struct extent *extent = store_find_lease(session->client,
						 dmem_le32(request->lease.extent));

	if (!generation && !extent) {
		lease_new(session);
	} else if (!generation) {
		store_unlease(&session->donor->store, extent, &session->extents);
		begin_job(session, &session->donor->quick, run_punch, replaced);
	} else if (!extent || extent->generation != generation) {
		session_refuse(session, request, DMEM_WIRE_LOST,
			       "there is no lease of this number and generation");
	} else if (extent->mr) {
		answer_leased(session, extent, transport_rkey(extent));
	} else {
		session->extent = extent;
		begin_job(session, &session->donor->quick, run_attach, attached_again);
	}
}

static void released(struct job *job)
{
	struct session *session = session_of(job);

	session_free_extents(session->donor, &session->extents);
	session->donor->counters.released++;
	if (session->state != SESSION_CLOSED)
		answer_released(session);
	session_job_ended(session);
}

static void take_release(struct session *session, const union dmem_wire_msg *request)
{
	struct extent *extent = store_find_lease(session->client,
						 dmem_le32(request->release.extent));

	if (!extent || extent->generation != dmem_le64(request->release.generation)) {
		answer_released(session);
		return;
	}
	store_unlease(&session->donor->store, extent, &session->extents);
	begin_job(session, &session->donor->quick, run_punch, released);
}

static void take_renew(struct session *session, const union dmem_wire_msg *request)
{
	const struct donor *donor = session->donor;
	uint64_t used = dmem_le64(request->renew.used_bytes);
	union dmem_wire_msg reply;

	if (used > session->client->nr_leases * donor->options->extent_bytes) {
		session_fail(session, request, DMEM_WIRE_MALFORMED,
			     "renew: more is used than is leased");
		return;
	}
	session->client->used_bytes = used;
	dmem_wire_begin(&reply, DMEM_WIRE_RENEWED, dmem_le32(request->header.seq));
	reply.renewed.stamp_ns = request->renew.stamp_ns;
	reply.renewed.lendable_bytes = htole64(donor_lendable_bytes(donor, session->client));
	reply.renewed.flags = htole32(donor->draining ? DMEM_WIRE_F_DRAINING : 0);
	transport_send(session, &reply);
}

static void take_stats(struct session *session, const union dmem_wire_msg *request)
{
	const struct donor *donor = session->donor;
	uint64_t extent_bytes = donor->options->extent_bytes;
	const struct store *store = &donor->store;
	union dmem_wire_msg reply;

	dmem_wire_begin(&reply, DMEM_WIRE_FIGURES, dmem_le32(request->header.seq));
	reply.figures.total_bytes = htole64(store->nr_extents * extent_bytes);
	reply.figures.lent_bytes = htole64(store->nr_leased * extent_bytes);
	reply.figures.yours_bytes = htole64(session->client->nr_leases * extent_bytes);
	reply.figures.lendable_bytes = htole64(donor_lendable_bytes(donor, session->client));
	reply.figures.uptime_ns = htole64((now_ms() - donor->started_ms) * 1000000);
	reply.figures.refused = htole64(donor_refused(donor));
	reply.figures.clients = htole32(store->nr_clients);
	reply.figures.sessions = htole32(donor->nr_sessions);
	transport_send(session, &reply);
}

static void left(struct job *job)
{
	struct session *session = session_of(job);
	uint64_t bytes = session->outcome * session->donor->options->extent_bytes;
	union dmem_wire_msg reply;

	session_free_extents(session->donor, &session->extents);
	session->donor->counters.released += session->outcome;
	if (session->state != SESSION_CLOSED) {
		dmem_wire_begin(&reply, DMEM_WIRE_LEFT,
				dmem_le32(under_way(session)->header.seq));
		reply.left.released_bytes = htole64(bytes);
		transport_send(session, &reply);
	}
	session_job_ended(session);
}

/* The client is unknown from here on; its session has an answer to send, and nothing else. */
static void take_leave(struct session *session)
{
	struct client *client = session->client;
	struct extent *extent;

	transport_cut(session);
	session->state = SESSION_LEFT;
	session->outcome = client->nr_leases;
	while ((extent = TAILQ_FIRST(&client->leases)))
		store_unlease(&session->donor->store, extent, &session->extents);
	session->client = NULL;
	store_forget_client(&session->donor->store, client);
	log_event(LOG_INFO, "client %s leaves and gives back %d extents", session->peer,
		  session->outcome);
	begin_job(session, &session->donor->slow, run_punch, left);
}

void session_request(struct session *session, const union dmem_wire_msg *request)
{
	switch (dmem_le16(request->header.type)) {
	case DMEM_WIRE_LEASE:
		take_lease(session, request);
		break;
	case DMEM_WIRE_RELEASE:
		take_release(session, request);
		break;
	case DMEM_WIRE_RENEW:
		take_renew(session, request);
		break;
	case DMEM_WIRE_STATS:
		take_stats(session, request);
		break;
	case DMEM_WIRE_LEAVE:
		take_leave(session);
		break;
	default:
		session_fail(session, request, DMEM_WIRE_UNEXPECTED, "no request");
	}
}
