/* SPDX-License-Identifier: GPL-2.0 */
/*
 * donor.h - the daemon's state: sessions of clients, what they may and what they have.
 *
 * The loop's alone; workers see an extent, a session's memory regions, or a list of extents that
 * nobody else touches meanwhile. session.c has connections up to ACCEPT and their ends, request.c
 * what a client asks for afterwards, transport.h what they need of the fabric.
 */
#ifndef MEMNODE_DONOR_H
#define MEMNODE_DONOR_H

#include "clock.h"
#include "options.h"
#include "store.h"
#include "wire.h"
#include "worker.h"

/** Connections that have not come to ACCEPT, or did not and are not gone yet. */
#define DONOR_STRANGERS_MAX	64
/** Nonces remembered: a hello is refused for as long as so many others have not come. */
#define DONOR_NONCES		1024

enum session_state {
	SESSION_CONNECTED,
	SESSION_CHALLENGED,
	SESSION_WAITING,	/* proven; an older session of the client is being taken down */
	SESSION_OPEN,
	SESSION_LEFT,		/* all is given back: nothing more may come */
	SESSION_CLOSED,		/* and what it had is being taken down */
};

/** struct session - a control connection and what it may */
struct session {
	struct donor *donor;
	TAILQ_ENTRY(session) entry;
	enum session_state state;
	char peer[ADDRESS_TEXT];
	uint32_t next_seq;
	struct dmem_wire_handshake handshake;
	uint64_t id;			/* of ACCEPT; 0 before */
	uint8_t key[DMEM_WIRE_KEY_BYTES];
	struct client *client;		/* from WAITING on */
	uint16_t max_data_conns;
	uint16_t nr_data_conns;		/* transport's */
	uint32_t attempts[DMEM_WIRE_DATA_CONNS_MAX];	/* of each index, the last */
	uint64_t deadline_ms;		/* for ACCEPT, then for the next message */
	/* Requests that are not answered; the first is under way while busy. */
	union dmem_wire_msg queue[DMEM_WIRE_WINDOW];
	unsigned int first, queued;
	bool busy;			/* @job is a worker's */
	struct job job;
	struct extent *extent;		/* what @job works on */
	struct extent_list extents;	/* likewise */
	int outcome;			/* of @job */
	uint32_t rkey;			/* likewise */
	bool taken_down;		/* nothing is left but the connection */
	bool gone;			/* nor that */
	struct connection *connection;	/* transport's */
};
TAILQ_HEAD(session_list, session);

struct counters {
	uint64_t refused[DMEM_WIRE_CODES];
	uint64_t sessions;		/* accepted */
	uint64_t resumed;		/* of these: of clients that had leases */
	uint64_t leased;		/* extents, new leases */
	uint64_t released;		/* by their clients */
	uint64_t expired;		/* by the end of the grace time */
	uint64_t lost;			/* extents that could not be made holes */
};

struct donor {
	const struct options *options;
	struct store store;
	bool has_key;
	uint8_t key[DMEM_WIRE_KEY_BYTES];	/* zeros without */
	struct session_list sessions;
	unsigned int nr_sessions;	/* OPEN */
	struct counters counters;
	uint8_t nonces[DONOR_NONCES][DMEM_WIRE_NONCE_BYTES];
	unsigned int next_nonce;
	uint64_t started_ms;
	bool draining;
	uint64_t drain_end_ms;
	struct worker quick;		/* one extent, which a client waits for */
	struct worker slow;		/* all of a client's */
};

/** donor_lendable_bytes - what a client could lease now */
uint64_t donor_lendable_bytes(const struct donor *donor, const struct client *client);

/** donor_refused - all codes together */
uint64_t donor_refused(const struct donor *donor);

/** donor_strangers - connections that count against DONOR_STRANGERS_MAX */
unsigned int donor_strangers(const struct donor *donor);

/** donor_begin_grace - what a daemon before this one had lent: its clients may come back */
void donor_begin_grace(struct donor *donor);

/** donor_drain - lend nothing new from here on, and end; sessions are told with their answers */
void donor_drain(struct donor *donor);

/**
 * donor_check_deadlines - end what is too late
 * @donor: of it
 *
 * Return: when to look again, in ms from now; -1: nothing is waited for.
 */
int donor_check_deadlines(struct donor *donor);

/**
 * donor_allows - whether somebody at an address may connect at all
 * @donor: of it
 * @address: whose
 * @reason: takes a sentence where not
 */
bool donor_allows(const struct donor *donor, const struct sockaddr *address, const char **reason);

/**
 * donor_refuse_connection - count and log a connection that is rejected
 * @donor: of it
 * @reject: takes what to reject it with
 * @peer: its address as text
 * @code: why
 * @reason: a sentence
 */
void donor_refuse_connection(struct donor *donor, struct dmem_wire_reject *reject,
			     const char *peer, enum dmem_wire_code code, const char *reason);

/**
 * session_new - a control connection begins
 * @donor: of it
 * @peer: the client's address, as text
 * @connection: the transport's
 *
 * Return: NULL without memory.
 */
struct session *session_new(struct donor *donor, const char *peer,
			    struct connection *connection);

/**
 * session_receive - a message came
 * @session: on whose control connection
 * @data: a copy that nobody changes; DMEM_WIRE_MSG_BYTES whatever @len is
 * @len: bytes that came
 */
void session_receive(struct session *session, const union dmem_wire_msg *data, size_t len);

/** session_pump - go on with requests: a send buffer is free again, a job has ended */
void session_pump(struct session *session);

/**
 * session_gone - its control connection is closed, by whomever
 * @session: freed now, or when it is taken down, with transport_free()
 */
void session_gone(struct session *session);

/**
 * session_fail - refuse for good: the connection ends
 * @session: whose
 * @request: what is refused; NULL: nothing
 * @code: why
 * @reason: a sentence
 */
void session_fail(struct session *session, const union dmem_wire_msg *request,
		  enum dmem_wire_code code, const char *reason);

/** session_end - without a word: the connection is of no use any more, or both have said it */
void session_end(struct session *session, const char *why);

/**
 * session_join - may a data connection join?
 * @donor: of it
 * @cm: its private data, checked
 * @joined: takes the session
 * @reason: takes a sentence where it may not
 *
 * Return: DMEM_WIRE_OK, and then @cm counts as used; else the code to refuse it with.
 */
enum dmem_wire_code session_join(struct donor *donor, const struct dmem_wire_cm *cm,
				 struct session **joined, const char **reason);

/* Between session.c and request.c: */

/** session_request - do what an open session asks for; session->busy where it takes longer */
void session_request(struct session *session, const union dmem_wire_msg *request);

/** session_refuse - refuse a request; the session goes on */
void session_refuse(struct session *session, const union dmem_wire_msg *request,
		    enum dmem_wire_code code, const char *reason);

/** session_job_ended - the request under way is answered, or nobody waits for an answer */
void session_job_ended(struct session *session);

/** session_free_extents - a worker's work on them is done: they may be lent again */
void session_free_extents(struct donor *donor, struct extent_list *extents);

/** session_punch - a worker's: make holes of them; what fails is marked by its number */
void session_punch(struct store *store, struct extent_list *extents);

#endif /* MEMNODE_DONOR_H */
