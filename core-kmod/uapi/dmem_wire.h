/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * dmem_wire.h - what a host (the client) and dmem-memnode (the donor) say to each other.
 *
 * A session is one control connection, on which both ends SEND messages of DMEM_WIRE_MSG_BYTES,
 * and data connections, on which the client alone works: RDMA READ and WRITE into extents it
 * leases. All numbers are little-endian. Whoever receives checks first with wire_check.h, then
 * what only it can know. docs/rdma.md has the order of messages and why it is so.
 */
#ifndef _UAPI_DMEM_WIRE_H
#define _UAPI_DMEM_WIRE_H

#include <linux/types.h>

/** "dmwr" as bytes on the wire. */
#define DMEM_WIRE_MAGIC		0x72776d64
/** Any change of meaning or layout is another version; an end speaks exactly one. */
#define DMEM_WIRE_VERSION	1

#define DMEM_WIRE_PORT		7471
#define DMEM_WIRE_MSG_BYTES	256
/** Requests of a client that may be unanswered; both ends post twice as many receives. */
#define DMEM_WIRE_WINDOW	8
/** From connection to ACCEPT; a donor closes what takes longer. */
#define DMEM_WIRE_HANDSHAKE_MS	5000

#define DMEM_WIRE_NONCE_BYTES	32
#define DMEM_WIRE_MAC_BYTES	32	/* HMAC-SHA256, whole */
#define DMEM_WIRE_KEY_BYTES	32
#define DMEM_WIRE_ID_BYTES	16
#define DMEM_WIRE_NAME_BYTES	64
#define DMEM_WIRE_REASON_BYTES	120

/** Extents: a power of two; the donor names its size, a client takes any in this range. */
#define DMEM_WIRE_EXTENT_MIN	(1ULL << 21)
#define DMEM_WIRE_EXTENT_MAX	(1ULL << 34)
/** Extents that one client may lease from one donor. */
#define DMEM_WIRE_EXTENTS_MAX	(1U << 20)
#define DMEM_WIRE_DATA_CONNS_MAX 256
#define DMEM_WIRE_RENEW_MS_MIN	100
#define DMEM_WIRE_RENEW_MS_MAX	60000
/** Renewals that may fail to come before either end calls the other gone. */
#define DMEM_WIRE_RENEW_MISSES	3
#define DMEM_WIRE_GRACE_MS_MAX	86400000

/*
 * Proofs. Every one is HMAC-SHA256 over a label of DMEM_WIRE_LABEL_BYTES, padded with zeros, and
 * whole messages as they were sent, so that roles, nonces, versions, the client's id, the donor's
 * epoch and every other field are bound. "|" joins; key is the shared key, or
 * DMEM_WIRE_KEY_BYTES zeros where there is none.
 *
 *   client proof  = HMAC(key, CLIENT | HELLO | CHALLENGE)
 *   donor proof   = HMAC(key, DONOR | HELLO | CHALLENGE | PROOF | ACCEPT with its proof zero)
 *   session key   = HMAC(key, SESSION | HELLO | CHALLENGE)
 *   resume key    = HMAC(key, RESUME_KEY | HELLO | CHALLENGE) of the session that made the
 *                   client known to the donor; kept by both while it is
 *   resume proof  = HMAC(resume key, RESUME | HELLO | CHALLENGE)
 *   join proof    = HMAC(session key, JOIN | the request's private data before its proof)
 *   joined proof  = HMAC(session key, JOINED | the reply's private data before its proof)
 */
#define DMEM_WIRE_LABEL_BYTES		16
#define DMEM_WIRE_LABEL_CLIENT		"dmem client"
#define DMEM_WIRE_LABEL_DONOR		"dmem donor"
#define DMEM_WIRE_LABEL_SESSION		"dmem session"
#define DMEM_WIRE_LABEL_RESUME_KEY	"dmem resume key"
#define DMEM_WIRE_LABEL_RESUME		"dmem resume"
#define DMEM_WIRE_LABEL_JOIN		"dmem join"
#define DMEM_WIRE_LABEL_JOINED		"dmem joined"

enum dmem_wire_purpose {
	DMEM_WIRE_CONTROL = 1,
	DMEM_WIRE_DATA,
};

/**
 * struct dmem_wire_cm - private data of a connection request (client) and of its reply (donor)
 * @magic: DMEM_WIRE_MAGIC
 * @version: DMEM_WIRE_VERSION
 * @purpose: enum dmem_wire_purpose; the reply repeats the request's
 * @session: of ACCEPT, for DATA; 0 for CONTROL
 * @index: of the data connection, below ACCEPT's max_data_conns; 0 for CONTROL
 * @reserved: zero
 * @attempt: for DATA: larger than any before of this @index in the session, from 1 on; the donor
 *	refuses any other, so that no request serves twice. (Requests of several connections may
 *	overtake each other in a fabric that loses some.) 0 for CONTROL
 * @proof: join proof (request), joined proof (reply); zeros for CONTROL
 *
 * rdma_cm leaves 56 bytes of an InfiniBand request to its users and pads both with zeros: a
 * receiver takes anything that is at least this long and looks at no more. The reply's fields
 * but @proof are the request's. A second DATA connection of the same @index takes the place of
 * the first, which the donor destroys before it replies.
 */
struct dmem_wire_cm {
	__le32 magic;
	__le16 version;
	__le16 purpose;
	__le64 session;
	__le16 index;
	__le16 reserved;
	__le32 attempt;
	__u8 proof[DMEM_WIRE_MAC_BYTES];
};

/**
 * struct dmem_wire_reject - private data of a donor's rejection of a connection
 * @magic: DMEM_WIRE_MAGIC
 * @version: what the donor speaks, so that a client of another one can say so
 * @code: enum dmem_wire_code
 * @reason: a sentence in printable ASCII, ended and padded with zeros
 *
 * A rejection without it (nobody listens; the fabric) is no refusal: the client tries again.
 */
struct dmem_wire_reject {
	__le32 magic;
	__le16 version;
	__le16 code;
	char reason[DMEM_WIRE_REASON_BYTES];
};

/** Messages: requests of a client are odd, what a donor answers is even. */
enum dmem_wire_type {
	DMEM_WIRE_HELLO = 1,
	DMEM_WIRE_CHALLENGE,
	DMEM_WIRE_PROOF,
	DMEM_WIRE_ACCEPT,
	DMEM_WIRE_LEASE,
	DMEM_WIRE_LEASED,
	DMEM_WIRE_RELEASE,
	DMEM_WIRE_RELEASED,
	DMEM_WIRE_RENEW,
	DMEM_WIRE_RENEWED,
	DMEM_WIRE_STATS,
	DMEM_WIRE_FIGURES,
	DMEM_WIRE_LEAVE,
	DMEM_WIRE_LEFT,
	DMEM_WIRE_ERROR = 16,
	DMEM_WIRE_TYPES,
};

/**
 * struct dmem_wire_header - begins every message
 * @magic: DMEM_WIRE_MAGIC
 * @version: DMEM_WIRE_VERSION
 * @type: enum dmem_wire_type
 * @seq: of a request: one more than the one before, from 1 (HELLO) on; an answer repeats its
 *	request's. Answers come in the order of their requests. 0 only in an ERROR that answers
 *	nothing
 * @reserved: zero
 */
struct dmem_wire_header {
	__le32 magic;
	__le16 version;
	__le16 type;
	__le32 seq;
	__le32 reserved;
};

/** dmem_wire_hello.flags, dmem_wire_challenge.flags: this end has a key. They must agree. */
#define DMEM_WIRE_F_KEY		(1U << 0)
/** dmem_wire_challenge.flags: leases of this client are kept; PROOF must have a resume proof. */
#define DMEM_WIRE_F_KNOWN	(1U << 1)

/**
 * struct dmem_wire_hello - client: who I am; first on a control connection
 * @header: begins it
 * @nonce: fresh from the system's random source; the donor refuses one it remembers (REPLAY)
 * @client: random and not all zero; drawn for a pool and donor, kept until all leases are gone
 * @name: the host's, for the donor's log: printable ASCII, may be empty, padded with zeros
 * @flags: DMEM_WIRE_F_KEY or 0
 * @data_conns: data connections wanted, 1 ... DMEM_WIRE_DATA_CONNS_MAX
 * @reserved: zero
 * @zero: zeros
 *
 * The donor checks that the client's address is allowed, that both or neither have a key, and
 * without one that the client's address is one of the donor's own host.
 */
struct dmem_wire_hello {
	struct dmem_wire_header header;
	__u8 nonce[DMEM_WIRE_NONCE_BYTES];
	__u8 client[DMEM_WIRE_ID_BYTES];
	char name[DMEM_WIRE_NAME_BYTES];
	__le32 flags;
	__le16 data_conns;
	__le16 reserved;
	__u8 zero[120];
};

/**
 * struct dmem_wire_challenge - donor: prove it
 * @header: begins it
 * @nonce: fresh from the system's random source, for this connection alone
 * @epoch: not zero; drawn when the donor begins with empty memory, kept over a restart that
 *	found its backing whole. Another epoch than a lease's: what was leased is lost
 * @flags: DMEM_WIRE_F_KEY, DMEM_WIRE_F_KNOWN
 * @reserved: zero
 * @zero: zeros
 *
 * A client that has a key refuses a donor without (else whoever holds the address could take its
 * pages). KNOWN to a client without a resume key: it connects anew with another id. Not KNOWN
 * to a client that has leases here: they are lost.
 */
struct dmem_wire_challenge {
	struct dmem_wire_header header;
	__u8 nonce[DMEM_WIRE_NONCE_BYTES];
	__le64 epoch;
	__le32 flags;
	__le32 reserved;
	__u8 zero[192];
};

/**
 * struct dmem_wire_proof - client: here it is
 * @header: begins it
 * @proof: client proof
 * @resume: resume proof where the challenge said KNOWN, else zeros
 * @zero: zeros
 *
 * Compared in constant time. A wrong one is refused (BAD_PROOF) and ends the connection. A right
 * one ends any older session of this client: the donor destroys its queue pairs and memory
 * regions before it sends ACCEPT, so that nothing of the old session can arrive later.
 */
struct dmem_wire_proof {
	struct dmem_wire_header header;
	__u8 proof[DMEM_WIRE_MAC_BYTES];
	__u8 resume[DMEM_WIRE_MAC_BYTES];
	__u8 zero[176];
};

/** The donor takes no new leases and will end: move away. */
#define DMEM_WIRE_F_DRAINING	(1U << 0)

/**
 * struct dmem_wire_accept - donor: and mine; the session begins
 * @header: begins it
 * @proof: donor proof; the client closes the connection on a wrong one, before it uses anything
 * @session: not zero; random; names the session to data connections
 * @extent_bytes: power of two, DMEM_WIRE_EXTENT_MIN ... DMEM_WIRE_EXTENT_MAX; constant in an epoch
 * @lendable_bytes: what this client could lease now, a multiple of @extent_bytes
 * @kept_bytes: what is leased to it already; not zero only after KNOWN
 * @renew_ms: a RENEW at least this often, DMEM_WIRE_RENEW_MS_MIN ... DMEM_WIRE_RENEW_MS_MAX;
 *	DMEM_WIRE_RENEW_MISSES times as long without a message and either end ends the session
 * @grace_ms: leases outlive their session by this, at least DMEM_WIRE_RENEW_MISSES * @renew_ms,
 *	at most DMEM_WIRE_GRACE_MS_MAX
 * @max_data_conns: 1 ... DMEM_WIRE_DATA_CONNS_MAX, at most what HELLO wanted
 * @reserved: zero
 * @flags: DMEM_WIRE_F_DRAINING or 0
 * @zero: zeros
 */
struct dmem_wire_accept {
	struct dmem_wire_header header;
	__u8 proof[DMEM_WIRE_MAC_BYTES];
	__le64 session;
	__le64 extent_bytes;
	__le64 lendable_bytes;
	__le64 kept_bytes;
	__le32 renew_ms;
	__le32 grace_ms;
	__le16 max_data_conns;
	__le16 reserved;
	__le32 flags;
	__u8 zero[160];
};

/**
 * struct dmem_wire_lease - client: lend me an extent, or let me at one that I have
 * @header: begins it
 * @extent: the client's number for it, below DMEM_WIRE_EXTENTS_MAX
 * @reserved: zero
 * @generation: 0: a new one; else that of the lease to be let at again, after a reconnection
 * @zero: zeros
 *
 * A new one where there is one of this number: that one is released first, so that an answer which
 * was lost costs nothing. The same generation twice in a session has the same answer. Refusals:
 * FULL, QUOTA, DRAINING, NO_MEMORY; LOST where the generation is another's or nobody's.
 */
struct dmem_wire_lease {
	struct dmem_wire_header header;
	__le32 extent;
	__le32 reserved;
	__le64 generation;
	__u8 zero[224];
};

/**
 * struct dmem_wire_leased - donor: an extent is yours for the length of the session
 * @header: begins it
 * @extent: the request's
 * @rkey: valid on this session's data connections alone; another one in each session
 * @generation: not zero; never used twice in an epoch
 * @address: where its first byte is for READ and WRITE; 4 KiB aligned
 * @length: extent_bytes of ACCEPT; @address + @length does not wrap
 * @lendable_bytes: as in ACCEPT, after this
 * @zero: zeros
 *
 * A new lease reads as zeros. One let at again holds what was last written to it.
 */
struct dmem_wire_leased {
	struct dmem_wire_header header;
	__le32 extent;
	__le32 rkey;
	__le64 generation;
	__le64 address;
	__le64 length;
	__le64 lendable_bytes;
	__u8 zero[200];
};

/**
 * struct dmem_wire_release - client: I am done with this extent, and nothing of mine is under way
 * @header: begins it
 * @extent: its number
 * @reserved: zero
 * @generation: of its lease, not zero
 * @zero: zeros
 */
struct dmem_wire_release {
	struct dmem_wire_header header;
	__le32 extent;
	__le32 reserved;
	__le64 generation;
	__u8 zero[224];
};

/**
 * struct dmem_wire_released - donor: it is no longer yours; its rkey is dead
 * @header: begins it
 * @extent: the request's
 * @reserved: zero
 * @generation: the request's
 * @lendable_bytes: as in ACCEPT, after this
 * @zero: zeros
 *
 * Also the answer where there is no such lease: then it has been released before.
 */
struct dmem_wire_released {
	struct dmem_wire_header header;
	__le32 extent;
	__le32 reserved;
	__le64 generation;
	__le64 lendable_bytes;
	__u8 zero[216];
};

/**
 * struct dmem_wire_renew - client: I am alive, keep my leases
 * @header: begins it
 * @stamp_ns: the client's clock; comes back, so that the client knows how long it took
 * @used_bytes: of leased memory that hold pages, for the donor's figures; at most what is leased
 * @zero: zeros
 */
struct dmem_wire_renew {
	struct dmem_wire_header header;
	__le64 stamp_ns;
	__le64 used_bytes;
	__u8 zero[224];
};

/**
 * struct dmem_wire_renewed - donor: so am I
 * @header: begins it
 * @stamp_ns: the request's
 * @lendable_bytes: as in ACCEPT, now
 * @flags: DMEM_WIRE_F_DRAINING or 0
 * @reserved: zero
 * @zero: zeros
 */
struct dmem_wire_renewed {
	struct dmem_wire_header header;
	__le64 stamp_ns;
	__le64 lendable_bytes;
	__le32 flags;
	__le32 reserved;
	__u8 zero[216];
};

/**
 * struct dmem_wire_stats - client: how do you stand?
 * @header: begins it
 * @zero: zeros
 */
struct dmem_wire_stats {
	struct dmem_wire_header header;
	__u8 zero[240];
};

/**
 * struct dmem_wire_figures - donor: thus
 * @header: begins it
 * @total_bytes: all it has to lend
 * @lent_bytes: to all clients; at most @total_bytes
 * @yours_bytes: to this client; at most @lent_bytes
 * @lendable_bytes: as in ACCEPT, now; at most @total_bytes - @lent_bytes
 * @uptime_ns: of the daemon
 * @refused: connections and requests it refused since its start
 * @clients: that it keeps leases for
 * @sessions: now
 * @zero: zeros
 */
struct dmem_wire_figures {
	struct dmem_wire_header header;
	__le64 total_bytes;
	__le64 lent_bytes;
	__le64 yours_bytes;
	__le64 lendable_bytes;
	__le64 uptime_ns;
	__le64 refused;
	__le32 clients;
	__le32 sessions;
	__u8 zero[184];
};

/**
 * struct dmem_wire_leave - client: I go, and want none of my leases kept
 * @header: begins it
 * @zero: zeros
 *
 * Its data connections are closed by then. It waits for the answer, then disconnects.
 */
struct dmem_wire_leave {
	struct dmem_wire_header header;
	__u8 zero[240];
};

/**
 * struct dmem_wire_left - donor: all are released, you are forgotten
 * @header: begins it
 * @released_bytes: of the leases that were left
 * @zero: zeros
 */
struct dmem_wire_left {
	struct dmem_wire_header header;
	__le64 released_bytes;
	__u8 zero[232];
};

/** Why a request or a connection is refused. */
enum dmem_wire_code {
	DMEM_WIRE_OK,			/* never sent */
	DMEM_WIRE_BAD_VERSION,		/* the other end speaks another version */
	DMEM_WIRE_MALFORMED,		/* short, long, or a field out of its range */
	DMEM_WIRE_UNEXPECTED,		/* not what comes next, or not from this end */
	DMEM_WIRE_NOT_ALLOWED,		/* address not in --allow; without a key: not this host's */
	DMEM_WIRE_KEY_NEEDED,		/* one end has a key, the other has none */
	DMEM_WIRE_BAD_PROOF,		/* wrong key, or not the client whose leases these are */
	DMEM_WIRE_REPLAY,		/* a nonce, an attempt or a request seen before */
	DMEM_WIRE_BUSY,			/* too many connections; try again */
	DMEM_WIRE_NO_SESSION,		/* a data connection for no session */
	DMEM_WIRE_BAD_DEVICE,		/* a data connection by another device than the session's */
	DMEM_WIRE_FULL,			/* no extent is free */
	DMEM_WIRE_QUOTA,		/* this client has all it may have */
	DMEM_WIRE_LOST,			/* there is no lease of that generation */
	DMEM_WIRE_DRAINING,		/* no new leases, the donor will end */
	DMEM_WIRE_NO_MEMORY,		/* the memory could not be had or registered */
	DMEM_WIRE_SUPERSEDED,		/* a newer session of this client has begun */
	DMEM_WIRE_LATE,			/* handshake or renewal did not come in time */
	DMEM_WIRE_INTERNAL,		/* the donor's fault; its log says more */
	DMEM_WIRE_CODES,
};

/** dmem_wire_error.flags: the connection is closed after this. */
#define DMEM_WIRE_F_FATAL	(1U << 0)

/**
 * struct dmem_wire_error - either end: no
 * @header: begins it; seq is the refused request's, or 0: then it is FATAL
 * @code: enum dmem_wire_code, not OK
 * @refused: enum dmem_wire_type of the request, or 0
 * @flags: DMEM_WIRE_F_FATAL or 0
 * @extent: of a refused LEASE or RELEASE, else 0
 * @reserved: zero
 * @reason: a sentence in printable ASCII, not empty, ended and padded with zeros
 * @zero: zeros
 *
 * A donor refuses any request with it. A client sends only a FATAL one with seq 0, to say why it
 * closes; nobody answers an ERROR. Text is written to logs as checked text and never parsed.
 */
struct dmem_wire_error {
	struct dmem_wire_header header;
	__le32 code;
	__le16 refused;
	__le16 flags;
	__le32 extent;
	__le32 reserved;
	char reason[DMEM_WIRE_REASON_BYTES];
	__u8 zero[104];
};

/** Any message: what a receive buffer is. */
union dmem_wire_msg {
	struct dmem_wire_header header;
	struct dmem_wire_hello hello;
	struct dmem_wire_challenge challenge;
	struct dmem_wire_proof proof;
	struct dmem_wire_accept accept;
	struct dmem_wire_lease lease;
	struct dmem_wire_leased leased;
	struct dmem_wire_release release;
	struct dmem_wire_released released;
	struct dmem_wire_renew renew;
	struct dmem_wire_renewed renewed;
	struct dmem_wire_stats stats;
	struct dmem_wire_figures figures;
	struct dmem_wire_leave leave;
	struct dmem_wire_left left;
	struct dmem_wire_error error;
	__u8 bytes[DMEM_WIRE_MSG_BYTES];
};

#ifdef __cplusplus
#define DMEM_WIRE_SIZE(type, bytes)	static_assert(sizeof(type) == (bytes), #type)
#else
#define DMEM_WIRE_SIZE(type, bytes)	_Static_assert(sizeof(type) == (bytes), #type)
#endif

DMEM_WIRE_SIZE(struct dmem_wire_cm, 56);
DMEM_WIRE_SIZE(struct dmem_wire_reject, 128);
DMEM_WIRE_SIZE(struct dmem_wire_header, 16);
DMEM_WIRE_SIZE(struct dmem_wire_hello, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_challenge, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_proof, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_accept, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_lease, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_leased, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_release, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_released, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_renew, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_renewed, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_stats, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_figures, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_leave, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_left, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(struct dmem_wire_error, DMEM_WIRE_MSG_BYTES);
DMEM_WIRE_SIZE(union dmem_wire_msg, DMEM_WIRE_MSG_BYTES);

#endif /* _UAPI_DMEM_WIRE_H */
