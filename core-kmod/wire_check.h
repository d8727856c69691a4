/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wire_check.h - whether what came over the wire is a message at all: length, header, every
 * field in its range, nothing where nothing may be.
 *
 * One source for the host's kernel module and the donor's daemon. Pure functions of bytes that
 * nobody changes meanwhile: copy a message out of its receive buffer first. What depends on the
 * session (order, sequence numbers, proofs, leases) is each end's own.
 */
#ifndef DMEM_WIRE_CHECK_H
#define DMEM_WIRE_CHECK_H

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/string.h>
#define dmem_le16(x)	le16_to_cpu(x)
#define dmem_le32(x)	le32_to_cpu(x)
#define dmem_le64(x)	le64_to_cpu(x)
#else
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#define dmem_le16(x)	le16toh((__u16)(x))
#define dmem_le32(x)	le32toh((__u32)(x))
#define dmem_le64(x)	le64toh((__u64)(x))
#endif

#include "uapi/dmem_wire.h"

/** Who sends. */
enum dmem_wire_end {
	DMEM_WIRE_CLIENT = 1,
	DMEM_WIRE_DONOR = 2,
};

static inline bool dmem_wire_is_zero(const void *data, size_t len)
{
	const __u8 *bytes = data;

	while (len--) {
		if (*bytes++)
			return false;
	}
	return true;
}

/* Printable ASCII, ended within @len, zeros from there on: safe to print, no way to hide bytes. */
static inline bool dmem_wire_is_text(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && text[i] >= ' ' && text[i] <= '~')
		i++;
	return i < len && dmem_wire_is_zero(text + i, len - i);
}

static inline bool dmem_wire_is_extent_size(__u64 bytes)
{
	return bytes >= DMEM_WIRE_EXTENT_MIN && bytes <= DMEM_WIRE_EXTENT_MAX &&
	       !(bytes & (bytes - 1));
}

static inline bool dmem_wire_in_range(__u64 value, __u64 least, __u64 most)
{
	return value >= least && value <= most;
}

static inline const char *dmem_wire_check_hello(const struct dmem_wire_hello *hello)
{
	if (dmem_wire_is_zero(hello->nonce, sizeof(hello->nonce)))
		return "hello: no nonce";
	if (dmem_wire_is_zero(hello->client, sizeof(hello->client)))
		return "hello: no client id";
	if (!dmem_wire_is_text(hello->name, sizeof(hello->name)))
		return "hello: the name is no text";
	if (dmem_le32(hello->flags) & ~DMEM_WIRE_F_KEY)
		return "hello: unknown flag";
	if (!dmem_wire_in_range(dmem_le16(hello->data_conns), 1, DMEM_WIRE_DATA_CONNS_MAX))
		return "hello: number of data connections out of range";
	return hello->reserved ? "hello: reserved field is not zero" : NULL;
}

static inline const char *dmem_wire_check_challenge(const struct dmem_wire_challenge *challenge)
{
	if (dmem_wire_is_zero(challenge->nonce, sizeof(challenge->nonce)))
		return "challenge: no nonce";
	if (!challenge->epoch)
		return "challenge: no epoch";
	if (dmem_le32(challenge->flags) & ~(DMEM_WIRE_F_KEY | DMEM_WIRE_F_KNOWN))
		return "challenge: unknown flag";
	return challenge->reserved ? "challenge: reserved field is not zero" : NULL;
}

static inline const char *dmem_wire_check_accept(const struct dmem_wire_accept *accept)
{
	__u64 extent_bytes = dmem_le64(accept->extent_bytes);
	__u32 renew_ms = dmem_le32(accept->renew_ms);

	if (!accept->session)
		return "accept: no session";
	if (!dmem_wire_is_extent_size(extent_bytes))
		return "accept: size of extents out of range";
	if (dmem_le64(accept->lendable_bytes) & (extent_bytes - 1) ||
	    dmem_le64(accept->kept_bytes) & (extent_bytes - 1))
		return "accept: not whole extents";
	if (!dmem_wire_in_range(renew_ms, DMEM_WIRE_RENEW_MS_MIN, DMEM_WIRE_RENEW_MS_MAX))
		return "accept: renewal time out of range";
	if (!dmem_wire_in_range(dmem_le32(accept->grace_ms), DMEM_WIRE_RENEW_MISSES * renew_ms,
				DMEM_WIRE_GRACE_MS_MAX))
		return "accept: grace time out of range";
	if (!dmem_wire_in_range(dmem_le16(accept->max_data_conns), 1, DMEM_WIRE_DATA_CONNS_MAX))
		return "accept: number of data connections out of range";
	if (dmem_le32(accept->flags) & ~DMEM_WIRE_F_DRAINING)
		return "accept: unknown flag";
	return accept->reserved ? "accept: reserved field is not zero" : NULL;
}

static inline const char *dmem_wire_check_lease(const struct dmem_wire_lease *lease)
{
	if (dmem_le32(lease->extent) >= DMEM_WIRE_EXTENTS_MAX)
		return "lease: number of extent out of range";
	return lease->reserved ? "lease: reserved field is not zero" : NULL;
}

static inline const char *dmem_wire_check_leased(const struct dmem_wire_leased *leased)
{
	__u64 address = dmem_le64(leased->address), length = dmem_le64(leased->length);

	if (dmem_le32(leased->extent) >= DMEM_WIRE_EXTENTS_MAX)
		return "leased: number of extent out of range";
	if (!leased->generation)
		return "leased: no generation";
	if (!dmem_wire_is_extent_size(length))
		return "leased: length out of range";
	if (address & 4095)
		return "leased: address is not aligned";
	if (address + length < address)
		return "leased: address wraps";
	if (dmem_le64(leased->lendable_bytes) & (length - 1))
		return "leased: not whole extents";
	return NULL;
}

static inline const char *dmem_wire_check_release(const struct dmem_wire_release *release)
{
	if (dmem_le32(release->extent) >= DMEM_WIRE_EXTENTS_MAX)
		return "release: number of extent out of range";
	if (!release->generation)
		return "release: no generation";
	return release->reserved ? "release: reserved field is not zero" : NULL;
}

static inline const char *dmem_wire_check_released(const struct dmem_wire_released *released)
{
	if (dmem_le32(released->extent) >= DMEM_WIRE_EXTENTS_MAX)
		return "released: number of extent out of range";
	if (!released->generation)
		return "released: no generation";
	return released->reserved ? "released: reserved field is not zero" : NULL;
}

static inline const char *dmem_wire_check_renewed(const struct dmem_wire_renewed *renewed)
{
	if (dmem_le32(renewed->flags) & ~DMEM_WIRE_F_DRAINING)
		return "renewed: unknown flag";
	return renewed->reserved ? "renewed: reserved field is not zero" : NULL;
}

static inline const char *dmem_wire_check_figures(const struct dmem_wire_figures *figures)
{
	__u64 total = dmem_le64(figures->total_bytes), lent = dmem_le64(figures->lent_bytes);

	if (lent > total || dmem_le64(figures->yours_bytes) > lent ||
	    dmem_le64(figures->lendable_bytes) > total - lent)
		return "figures: they do not add up";
	return NULL;
}

static inline const char *dmem_wire_check_error(const struct dmem_wire_error *error)
{
	__u32 flags = dmem_le16(error->flags);

	if (!dmem_wire_in_range(dmem_le32(error->code), DMEM_WIRE_OK + 1, DMEM_WIRE_CODES - 1))
		return "error: unknown code";
	if (dmem_le16(error->refused) >= DMEM_WIRE_TYPES)
		return "error: unknown type";
	if (flags & ~DMEM_WIRE_F_FATAL)
		return "error: unknown flag";
	if (!error->header.seq && !flags)
		return "error: of no request, and not fatal";
	if (dmem_le32(error->extent) >= DMEM_WIRE_EXTENTS_MAX)
		return "error: number of extent out of range";
	if (!error->reason[0] || !dmem_wire_is_text(error->reason, sizeof(error->reason)))
		return "error: the reason is no text";
	return error->reserved ? "error: reserved field is not zero" : NULL;
}

/* Ends that may send a type, and where its zeros begin. */
struct dmem_wire_shape {
	unsigned int from;
	size_t used;
};

#define DMEM_WIRE_SHAPE(end, type)	{ (end), offsetof(struct dmem_wire_##type, zero) }

static inline struct dmem_wire_shape dmem_wire_shape(unsigned int type)
{
	static const struct dmem_wire_shape shapes[DMEM_WIRE_TYPES] = {
		[DMEM_WIRE_HELLO] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT, hello),
		[DMEM_WIRE_CHALLENGE] = DMEM_WIRE_SHAPE(DMEM_WIRE_DONOR, challenge),
		[DMEM_WIRE_PROOF] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT, proof),
		[DMEM_WIRE_ACCEPT] = DMEM_WIRE_SHAPE(DMEM_WIRE_DONOR, accept),
		[DMEM_WIRE_LEASE] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT, lease),
		[DMEM_WIRE_LEASED] = DMEM_WIRE_SHAPE(DMEM_WIRE_DONOR, leased),
		[DMEM_WIRE_RELEASE] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT, release),
		[DMEM_WIRE_RELEASED] = DMEM_WIRE_SHAPE(DMEM_WIRE_DONOR, released),
		[DMEM_WIRE_RENEW] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT, renew),
		[DMEM_WIRE_RENEWED] = DMEM_WIRE_SHAPE(DMEM_WIRE_DONOR, renewed),
		[DMEM_WIRE_STATS] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT, stats),
		[DMEM_WIRE_FIGURES] = DMEM_WIRE_SHAPE(DMEM_WIRE_DONOR, figures),
		[DMEM_WIRE_LEAVE] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT, leave),
		[DMEM_WIRE_LEFT] = DMEM_WIRE_SHAPE(DMEM_WIRE_DONOR, left),
		[DMEM_WIRE_ERROR] = DMEM_WIRE_SHAPE(DMEM_WIRE_CLIENT | DMEM_WIRE_DONOR, error),
	};

	return type < DMEM_WIRE_TYPES ? shapes[type] : shapes[0];
}

static inline const char *dmem_wire_check_body(const union dmem_wire_msg *msg)
{
	switch (dmem_le16(msg->header.type)) {
	case DMEM_WIRE_HELLO:
		return dmem_wire_check_hello(&msg->hello);
	case DMEM_WIRE_CHALLENGE:
		return dmem_wire_check_challenge(&msg->challenge);
	case DMEM_WIRE_ACCEPT:
		return dmem_wire_check_accept(&msg->accept);
	case DMEM_WIRE_LEASE:
		return dmem_wire_check_lease(&msg->lease);
	case DMEM_WIRE_LEASED:
		return dmem_wire_check_leased(&msg->leased);
	case DMEM_WIRE_RELEASE:
		return dmem_wire_check_release(&msg->release);
	case DMEM_WIRE_RELEASED:
		return dmem_wire_check_released(&msg->released);
	case DMEM_WIRE_RENEWED:
		return dmem_wire_check_renewed(&msg->renewed);
	case DMEM_WIRE_FIGURES:
		return dmem_wire_check_figures(&msg->figures);
	case DMEM_WIRE_ERROR:
		return dmem_wire_check_error(&msg->error);
	default:
		return NULL;
	}
}

/**
 * dmem_wire_check - check one message
 * @msg: what came, in a whole buffer; nobody writes to it meanwhile
 * @len: bytes that came
 * @from: who sent it
 * @reason: takes a sentence when it is refused
 *
 * Return: DMEM_WIRE_OK, BAD_VERSION, MALFORMED, or UNEXPECTED for a type that @from never sends.
 */
static inline enum dmem_wire_code dmem_wire_check(const union dmem_wire_msg *msg, size_t len,
						  enum dmem_wire_end from, const char **reason)
{
	struct dmem_wire_shape shape;

	*reason = "message of another length";
	if (len != sizeof(*msg))
		return DMEM_WIRE_MALFORMED;
	*reason = "no dmem message";
	if (dmem_le32(msg->header.magic) != DMEM_WIRE_MAGIC)
		return DMEM_WIRE_MALFORMED;
	*reason = "message of another version";
	if (dmem_le16(msg->header.version) != DMEM_WIRE_VERSION)
		return DMEM_WIRE_BAD_VERSION;
	shape = dmem_wire_shape(dmem_le16(msg->header.type));
	*reason = "unknown type of message";
	if (!shape.from)
		return DMEM_WIRE_MALFORMED;
	*reason = "type of message that this end never sends";
	if (!(shape.from & from))
		return DMEM_WIRE_UNEXPECTED;
	*reason = "header: reserved field is not zero";
	if (msg->header.reserved)
		return DMEM_WIRE_MALFORMED;
	*reason = "header: no sequence number";
	if (!msg->header.seq && dmem_le16(msg->header.type) != DMEM_WIRE_ERROR)
		return DMEM_WIRE_MALFORMED;
	*reason = "bytes after the last field";
	if (!dmem_wire_is_zero(msg->bytes + shape.used, sizeof(*msg) - shape.used))
		return DMEM_WIRE_MALFORMED;
	*reason = dmem_wire_check_body(msg);
	return *reason ? DMEM_WIRE_MALFORMED : DMEM_WIRE_OK;
}

/**
 * dmem_wire_check_cm - check the private data of a connection request or reply
 * @cm: copied out of the event
 * @len: bytes that the event has; transports pad, so it may be more than @cm
 * @reason: takes a sentence when it is refused
 *
 * Return: DMEM_WIRE_OK, BAD_VERSION or MALFORMED.
 */
static inline enum dmem_wire_code dmem_wire_check_cm(const struct dmem_wire_cm *cm, size_t len,
						     const char **reason)
{
	bool any;

	*reason = "connection without dmem's private data";
	if (len < sizeof(*cm) || dmem_le32(cm->magic) != DMEM_WIRE_MAGIC)
		return DMEM_WIRE_MALFORMED;
	*reason = "connection of another version";
	if (dmem_le16(cm->version) != DMEM_WIRE_VERSION)
		return DMEM_WIRE_BAD_VERSION;
	*reason = "connection: field out of range";
	if (cm->reserved || dmem_le16(cm->index) >= DMEM_WIRE_DATA_CONNS_MAX)
		return DMEM_WIRE_MALFORMED;
	any = cm->session || cm->index || cm->attempt ||
	      !dmem_wire_is_zero(cm->proof, sizeof(cm->proof));
	switch (dmem_le16(cm->purpose)) {
	case DMEM_WIRE_CONTROL:
		if (any)
			return DMEM_WIRE_MALFORMED;
		break;
	case DMEM_WIRE_DATA:
		if (!cm->session || !cm->attempt)
			return DMEM_WIRE_MALFORMED;
		break;
	default:
		*reason = "connection: unknown purpose";
		return DMEM_WIRE_MALFORMED;
	}
	*reason = NULL;
	return DMEM_WIRE_OK;
}

/**
 * dmem_wire_check_reject - check the private data of a rejection
 * @reject: copied out of the event
 * @len: bytes that the event has; transports pad
 *
 * Return: whether it is a donor's refusal; its version may be another.
 */
static inline bool dmem_wire_check_reject(const struct dmem_wire_reject *reject, size_t len)
{
	return len >= sizeof(*reject) && dmem_le32(reject->magic) == DMEM_WIRE_MAGIC &&
	       dmem_wire_in_range(dmem_le16(reject->code), DMEM_WIRE_OK + 1,
				  DMEM_WIRE_CODES - 1) &&
	       reject->reason[0] && dmem_wire_is_text(reject->reason, sizeof(reject->reason));
}

#endif /* DMEM_WIRE_CHECK_H */
