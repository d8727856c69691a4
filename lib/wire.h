/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wire.h - user space's end of the donor wire protocol: messages begun, proofs computed, keys
 * read. wire_check.h says whether a message is one.
 */
#ifndef DMEM_WIRE_H
#define DMEM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "wire_check.h"

/** One part of what a proof is computed over. */
struct dmem_wire_part {
	const void *data;
	size_t len;
};

/** What a handshake's proofs are computed over: the messages as they were sent. */
struct dmem_wire_handshake {
	struct dmem_wire_hello hello;
	struct dmem_wire_challenge challenge;
	struct dmem_wire_proof proof;
};

/**
 * dmem_wire_begin - an empty message with its header
 * @msg: all of it is written
 * @type: enum dmem_wire_type
 * @seq: of the request, or of the one it answers
 */
void dmem_wire_begin(union dmem_wire_msg *msg, enum dmem_wire_type type, uint32_t seq);

/**
 * dmem_wire_refuse - an ERROR
 * @msg: all of it is written
 * @request: what is refused, checked or not; NULL: nothing, and the error is fatal
 * @code: why
 * @fatal: whether the connection ends with it
 * @reason: a sentence; unprintable bytes become '?', what is too long is cut
 */
void dmem_wire_refuse(union dmem_wire_msg *msg, const union dmem_wire_msg *request,
		      enum dmem_wire_code code, bool fatal, const char *reason);

/**
 * dmem_wire_begin_reject - private data of a rejected connection
 * @reject: all of it is written
 * @code: why
 * @reason: as for dmem_wire_refuse()
 */
void dmem_wire_begin_reject(struct dmem_wire_reject *reject, enum dmem_wire_code code,
			    const char *reason);

/** dmem_wire_code_name - "bad-proof" and so on, for logs and metrics; never NULL */
const char *dmem_wire_code_name(unsigned int code);

/**
 * dmem_wire_mac - HMAC-SHA256 of a label and parts
 * @mac: takes it
 * @key: DMEM_WIRE_KEY_BYTES (as long as a MAC)
 * @label: DMEM_WIRE_LABEL_*
 * @parts: in their order
 * @nr: of them
 */
void dmem_wire_mac(uint8_t mac[DMEM_WIRE_MAC_BYTES], const uint8_t key[DMEM_WIRE_KEY_BYTES],
		   const char *label, const struct dmem_wire_part *parts, unsigned int nr);

/**
 * dmem_wire_mac_hello - a proof or a key that is computed over HELLO and CHALLENGE
 * @mac: takes it
 * @key: of which kind dmem_wire.h says
 * @label: CLIENT, SESSION, RESUME_KEY or RESUME
 * @handshake: its hello and challenge are read
 */
void dmem_wire_mac_hello(uint8_t mac[DMEM_WIRE_MAC_BYTES], const uint8_t key[DMEM_WIRE_KEY_BYTES],
			 const char *label, const struct dmem_wire_handshake *handshake);

/**
 * dmem_wire_mac_accept - the donor's proof
 * @mac: takes it; may be @accept's own
 * @key: the shared key
 * @handshake: all of it is read
 * @accept: complete but for its proof, which is taken as zeros
 */
void dmem_wire_mac_accept(uint8_t mac[DMEM_WIRE_MAC_BYTES], const uint8_t key[DMEM_WIRE_KEY_BYTES],
			  const struct dmem_wire_handshake *handshake,
			  const struct dmem_wire_accept *accept);

/**
 * dmem_wire_mac_cm - the proof in a data connection's private data
 * @mac: takes it; may be @cm's own
 * @session_key: of the session
 * @label: JOIN or JOINED
 * @cm: complete but for its proof
 */
void dmem_wire_mac_cm(uint8_t mac[DMEM_WIRE_MAC_BYTES],
		      const uint8_t session_key[DMEM_WIRE_KEY_BYTES], const char *label,
		      const struct dmem_wire_cm *cm);

/** dmem_wire_mac_equal - compare two in constant time */
bool dmem_wire_mac_equal(const uint8_t a[DMEM_WIRE_MAC_BYTES],
			 const uint8_t b[DMEM_WIRE_MAC_BYTES]);

/**
 * dmem_wire_read_key - read a key file: 64 hexadecimal digits and perhaps a line end
 * @path: a regular file that nobody but its owner may read or write
 * @key: takes DMEM_WIRE_KEY_BYTES; zeros on error
 * @error: takes the reason
 *
 * Return: 0; -errno of opening or reading; -EPERM for its mode, -EINVAL for its content.
 */
int dmem_wire_read_key(const char *path, uint8_t key[DMEM_WIRE_KEY_BYTES],
		       struct dmem_error *error);

#endif /* DMEM_WIRE_H */
